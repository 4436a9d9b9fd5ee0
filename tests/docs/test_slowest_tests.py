"""The list of the slowest tests is made from what pytest prints, and CONTRIBUTING has its place."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAID = """\
....                                                                     [100%]
============================= slowest 10 durations =============================
18.23s call     tests/scaffold/test_installed.py::test_a_strangers_solver_comes_and_goes
11.60s setup    tests/plugins/dps/test_train.py::test_it[a b-{'c': 1}]
4842 passed, 61 skipped in 351.40s (0:05:51)
"""


@pytest.fixture(scope="module")
def slowest():
    spec = importlib.util.spec_from_file_location("slowest", ROOT / "docs" / "slowest_tests.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_seconds_and_paths_are_listed(slowest):
    assert slowest.table(SAID, "2026-11-26", 2).splitlines() == [
        "2026-11-26, 2 cores: 4842 passed, 61 skipped in 351 s.",
        "",
        "| seconds | test |",
        "|---:|---|",
        "| 18 | `tests/scaffold/test_installed.py::test_a_strangers_solver_comes_and_goes` |",
        "| 12 | `tests/plugins/dps/test_train.py::test_it[a b-{'c': 1}]` (setup) |",
    ]


def test_a_run_without_durations_is_refused(slowest):
    with pytest.raises(ValueError, match="no durations"):
        slowest.table("no tests ran in 0.01s", "2026-11-26", 2)


def test_there_is_one_place_for_the_list(slowest):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert len(slowest.PLACE.findall(text)) == 1
