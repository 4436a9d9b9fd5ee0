"""Public definitions say what they take and what they return."""

import ast
import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def coverage():
    spec = importlib.util.spec_from_file_location("coverage", DOCS / "docstring_coverage.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_public_lacks_args_or_returns(coverage, capsys):
    status = coverage.main()
    assert status == 0, capsys.readouterr().out


def test_every_package_of_plugins_is_looked_at(coverage):
    names = {name for _, names in coverage.sources() for name in names or ()}
    assert {"Blur", "CSGM", "DPS", "ILO", "SGILO", "StyleGAN2"} <= names
    assert "Params" not in names


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("def f(x) -> int:\n  '''F.'''", ["f lacks Args and Returns"]),
        ("def f(x) -> int:\n  '''F.\n\n  Args:\n    x: X.'''", ["f lacks Returns"]),
        ("def f(x) -> Iterator[int]:\n  '''F.\n\n  Args:\n    x: X.\n\n  Yields:\n    Y.'''", []),
        ("def f(x) -> None:\n  '''F.\n\n  Args:\n    x: X.'''", []),
        ("def f() -> int:\n  '''F.'''", []),
        ("def _f(x) -> int: ...", []),
        ("@check('prior')\ndef f(x) -> None:\n  '''It must hold.'''", []),
        ("class C:\n  def __init__(self, x): ...", ["C lacks Args"]),
        ("class C:\n  def __init__(self, **values): ...", []),
        ("class C:\n  def m(self, x) -> None: ...", ["C.m lacks Args"]),
        ("class C:\n  def known(self, x) -> None: ...", ["C.known lacks Args"]),
        ("class C(B):\n  def known(self, x) -> None: ...", []),
        ("class C(B):\n  def known(self, x) -> None: '''K.'''", ["C.known lacks Args"]),
        ("@dataclass(frozen=True)\nclass C:\n  x: int", ["C lacks Args"]),
        ("class C(NamedTuple):\n  '''C.\n\n  Attributes:\n    x: X.'''\n  x: int", []),
        ("@dataclass\nclass C:\n  x: ClassVar[int]", []),
    ],
)
def test_what_counts(coverage, source, faults):
    found = coverage.missing(ast.parse(source), None, {"known"})
    assert [fault for _, fault in found] == faults


def test_only_exported_names_count(coverage):
    tree = ast.parse("def f(x): ...\ndef g(x): ...")
    assert [fault for _, fault in coverage.missing(tree, {"f"}, set())] == ["f lacks Args"]
