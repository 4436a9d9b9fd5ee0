"""What `list`, `show` and the help pages print, word by word."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from textwrap import dedent

import pytest

from invprob import cli
from invprob.cli import console, listing, root
from invprob.config.experiment import Experiment
from invprob.config.registry import Entry, Registry, registry
from tests.cli.conftest import Invoke


def test_list(invoke: Invoke) -> None:
    said = invoke("list")
    assert said.status == 0
    assert said.err == ""
    assert said.out == dedent(
        """\
        kind       name    summary                                  plugin
        ──────────────────────────────────────────────────────────────────
        solver     faulty  The walk, with a fault.                  toys
                   walk    Langevin on the input of the generator.  toys
        operator   mask    Keeps some of the pixels.                toys
        noise      gauss   Gaussian noise.                          toys
                   none    No noise.                                toys
        generator  linear  A linear map in two stages.              toys
        prior      box     The unit box.                            toys
                   normal  The standard normal law.                 toys
        trainer    count   Counts, and remembers.                   toys

        broken plugin  reason
        ──────────────────────────────────────────────────────────────────────────
        lost           ModuleNotFoundError: No module named 'tests.no_such_module'
        """
    )


def test_list_of_a_kind(invoke: Invoke) -> None:
    said = invoke("list", "noises")
    assert said.out.splitlines()[2].split() == ["noise", "gauss", "Gaussian", "noise.", "toys"]
    assert "walk" not in said.out
    found = json.loads(invoke("list", "prior", "--json").out)
    assert [c["name"] for c in found["components"]] == ["box", "normal"]
    assert found["components"][1]["offers"] == ["log_density"]
    assert "no_such_module" in found["broken"]["lost"]


def test_operators_fit_one_screen_by_groups(capsys: pytest.CaptureFixture[str]) -> None:
    entries = [e for e in registry().entries if e.plugin == "basics"]
    stranger = replace(entries[0].component, kind="operator", name="stranger", group="")
    found = Registry((*entries, Entry("other", stranger)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "registry", lambda: found)
        patch.setattr(console, "WIDE", 80)
        root.main(["list", "operator"], "invprob", standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    groups = [line.split()[0] for line in lines[2:] if not line.startswith(" ")]
    assert groups == ["pixels", "resolution", "colour", "transforms", "sensors", "other"]
    assert "stranger" in lines[-1]


def test_show(invoke: Invoke) -> None:
    said = invoke("show", "solver", "walk")
    assert said.status == 0
    assert said.out == dedent(
        """\
        solver walk
        Langevin on the input of the generator.

          plugin             toys (toys 1.0)
          needs              generator, prior.log_density
          default generator  linear
          default prior      normal

        parameter  type   default  description
        ───────────────────────────────────────────────────────────────
        steps      int    20       Steps. [≥ 1]
        lr         float  0.02     Step size. [> 0]
        burn       int    -1       Steps before draws; -1: none. [≥ -1]
        wait       float  0.0      Seconds to sleep in each step. [≥ 0]

        e.g. walk:steps=20
        """
    )


@pytest.mark.parametrize(
    "words", [["walk"], ["solver.walk"], ["solvers", "toys.walk"], ["toys.walk"]]
)
def test_a_component_may_be_named_in_any_form(invoke: Invoke, words: list[str]) -> None:
    assert invoke("show", *words).out == invoke("show", "solver", "walk").out


def test_an_unknown_name_of_any_kind_is_refused(invoke: Invoke) -> None:
    assert "no component is called 'wakl'" in invoke("show", "wakl").err
    assert "did you mean 'walk'?" in invoke("show", "wakl").err


def test_show_without_parameters(invoke: Invoke) -> None:
    assert "It takes no parameters." in invoke("show", "prior", "box").out


def test_show_schema(invoke: Invoke) -> None:
    schema = json.loads(invoke("show", "solver", "walk", "--schema").out)
    assert schema["properties"]["steps"]["minimum"] == 1


def test_types_in_words() -> None:
    from invprob.cli.show import typed

    each = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2}
    assert typed(each, {}) == ("int,…", "each ≥ 1, at least 2")
    maybe = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]}
    assert typed(maybe, {}) == ("float or none", "> 0")
    pair = {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "number"}]}
    assert typed(pair, {}) == ("int,float", "")
    assert typed({"enum": ["a", "b"]}, {}) == ("a|b", "")
    assert typed({"$ref": "#/$defs/E"}, {"E": {"enum": [1, 2]}}) == ("1|2", "")


def test_one_line_helps_are_those_of_the_commands(invoke: Invoke) -> None:
    listed = invoke("--help").out
    width = max(map(len, cli.COMMANDS))
    for name, line in cli.COMMANDS.items():
        assert f"  {name:<{width}}  {line}\n" in listed
        page = invoke(name, "--help")
        assert page.status == 0
        assert page.out.splitlines()[2].strip() == line


def test_defaults_in_the_help_of_solve_are_those_of_the_experiment(invoke: Invoke) -> None:
    page = " ".join(invoke("solve", "--help").out.split())
    fields = Experiment().model_copy()
    for value in (
        fields.solver,
        fields.operator[0],
        fields.noise,
        fields.samples,
        fields.seed,
        fields.device,
    ):
        assert re.search(rf"\[default: {re.escape(_bare(value))}[];]", page)


def _bare(value: object) -> str:
    """A default without the plugin that it names, so that it stays clear beside a namesake."""
    return re.sub(r"^[a-z]+\.(?=[a-z])", "", str(value))


def test_version(invoke: Invoke) -> None:
    said = invoke("--version")
    assert (said.status, said.out) == (0, "invprob, version 0.1.0\n")


@pytest.mark.parametrize("args", [["--help"], ["list", "--help"], ["-h"]])
def test_help_is_no_error(invoke: Invoke, args: list[str]) -> None:
    said = invoke(*args)
    assert said.status == 0
    assert said.err == ""
    assert said.out.startswith("Usage: invprob")
