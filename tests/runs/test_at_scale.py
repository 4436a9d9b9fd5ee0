"""A thousand pictures of 64×64 by the bundled weights: bounded memory, and twenty kills.

    nice python -m pytest -n 0 -m slow tests/runs/test_at_scale.py

takes about a quarter of an hour on one quiet core.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from invprob import cli
from tests.cli.many import content, killed_again_and_again, many, peak

SOLVERS = ["gaussian:draws=2", "sgilo:stages=1,3,steps=1,1,fisher_probes=1"]
KILLS = 20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
    pytest.mark.parametrize("solver", SOLVERS),
]


def line(photos: Path, solver: str) -> list[str]:
    told = ["--operator", "inpaint:keep=0.1", "--samples", "4", "--batch", "32", "-q"]
    return ["solve", str(photos), "--solver", solver, *told]


def test_memory_does_not_grow_with_the_pictures(tmp_path: Path, solver: str) -> None:
    photos = many(tmp_path / "photos", 1000, 64, "RGB")
    taken = []
    for count in (16, 1000):
        out = tmp_path / f"out-{count}"
        which = [*line(photos, solver), "--limit", str(count), "--out", str(out)]
        taken.append(peak(which, tmp_path / f"peak-{count}"))
        print(f"{solver}: {count} pictures, peak {taken[-1][0]:.0f} MB, before {taken[-1][1]:.0f}")
        assert len(list((out / "mean").iterdir())) == count
    assert taken[1][0] < 1.5 * taken[0][0]


def test_nothing_that_is_finished_is_lost(tmp_path: Path, solver: str) -> None:
    photos = many(tmp_path / "photos", 96, 64, "RGB")
    started = time.monotonic()
    assert cli.call([*line(photos, solver), "--out", str(tmp_path / "undisturbed")]) == 0
    longest = 2 * (time.monotonic() - started) / KILLS
    out = tmp_path / "out"

    def go_on() -> list[str]:
        if (out / "chunks.json").is_file():
            return ["resume", str(out), "-q"]
        shutil.rmtree(out, ignore_errors=True)
        return [*line(photos, solver), "--out", str(out)]

    killed = killed_again_and_again(
        go_on, lambda: set(out.glob("chunks/*/done.json")), KILLS, longest
    )
    print(f"{solver}: killed {killed} times")
    assert cli.call(go_on()) == 0
    assert killed > KILLS / 2
    assert content(out) == content(tmp_path / "undisturbed")
