"""Runs of many pictures: cut into chunks, killed, resumed, and the same in the end."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import safetensors.torch
import torch
from PIL import Image

from invprob.config.registry import Registry
from invprob.errors import Diverged
from invprob.runs import session
from tests.cli.conftest import INVPROB, WALK, Invoke
from tests.cli.many import content, killed_again_and_again, many, peak


def test_chunks_give_what_the_batch_gives(invoke: Invoke, tmp_path: Path) -> None:
    photos = many(tmp_path / "photos", 7)
    said = invoke("solve", photos, *WALK, "--batch", "6", "--out", "cut")
    assert said.status == 0, said.err
    assert "in 3 chunks" in said.out
    assert invoke("solve", photos, *WALK, "--batch", "0", "--out", "whole").status == 0
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    for place in ("samples", "mean", "std", "measurement"):
        names = sorted(p.name for p in (cut / place).iterdir())
        assert names == sorted(p.name for p in (whole / place).iterdir())
        assert len(names) == (14 if place == "samples" else 7)
    rows, expected = (json.loads((p / "metrics.json").read_text())["images"] for p in (cut, whole))
    assert [row["image"] for row in rows] == [row["image"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert row["psnr_mean"] == pytest.approx(other["psnr_mean"], abs=1e-3)
    arrays = [
        safetensors.torch.load_file(cut / "chunks" / f"{k:05d}" / "result.safetensors")
        for k in range(3)
    ]
    together = torch.cat([part["samples"] for part in arrays])
    reference = safetensors.torch.load_file(whole / "result.safetensors")["samples"]
    assert torch.allclose(together, reference, atol=1e-5)


def test_chunks_of_one_size_give_the_same_bits(invoke: Invoke, tmp_path: Path) -> None:
    photos = many(tmp_path / "photos", 5)
    for name in ("one", "two"):
        assert invoke("solve", photos, *WALK, "--batch", "4", "--out", name).status == 0
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_many_rows_are_cut_and_few_are_not(invoke: Invoke, tmp_path: Path) -> None:
    photos = many(tmp_path / "photos", 33)
    line = ("solve", photos, *WALK[:-1], "2", "--set", "solver.steps=2")
    assert invoke(*line, "--limit", "32", "--out", "few").status == 0
    assert not (tmp_path / "few" / "chunks").exists()
    assert invoke(*line, "--out", "many").status == 0
    assert len(list((tmp_path / "many" / "chunks").iterdir())) == 3


def test_faults_of_the_input_leave_nothing(invoke: Invoke, tmp_path: Path) -> None:
    photos = many(tmp_path / "photos", 5)
    said = invoke("solve", photos, *WALK, "--batch", "1")
    assert said.status == 2
    assert "less than one picture of 2 samples" in said.err
    Image.new("L", (17, 16)).save(photos / "odd.png")
    said = invoke("solve", photos, *WALK, "--batch", "4", "--out", "out")
    assert said.status == 2
    assert "odd" in said.err
    assert not (tmp_path / "out").exists()
    said = invoke("solve", photos, *WALK, "--batch", "4", "--observe", "csv:path=log.csv")
    assert said.status == 2


def test_json_has_every_picture(invoke: Invoke, tmp_path: Path) -> None:
    photos = many(tmp_path / "photos", 5)
    said = invoke("solve", photos, *WALK, "--batch", "4", "--out", "out", "--json", "-q")
    assert [row["image"] for row in json.loads(said.out)["images"]] == [
        f"picture-{i:04d}" for i in range(5)
    ]


def test_other_pictures_are_not_mixed_in(invoke: Invoke, tmp_path: Path) -> None:
    photos = many(tmp_path / "photos", 5)
    assert invoke("solve", photos, *WALK, "--batch", "4", "--out", "out").status == 0
    shutil.rmtree(tmp_path / "out" / "chunks" / "00002")
    (photos / "picture-0004.png").rename(photos / "another.png")
    said = invoke("resume", "out")
    assert said.status == 2
    assert "other ones are there now" in said.err


def test_ctrl_c_keeps_what_is_finished(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = many(tmp_path / "photos", 6)
    solve, begun = session.solve_prepared, []

    def stopped(*args, **kwargs):
        begun.append(1)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return solve(*args, **kwargs)

    monkeypatch.setattr(session, "solve_prepared", stopped)
    said = invoke("solve", photos, *WALK, "--batch", "4", "--out", "out")
    assert said.status == 130
    assert "2 of 6 pictures are finished" in said.err
    assert len(list((tmp_path / "out" / "mean").iterdir())) == 2
    monkeypatch.setattr(session, "solve_prepared", solve)
    assert invoke("resume", "out").status == 0
    assert invoke("solve", photos, *WALK, "--batch", "4", "--out", "undisturbed").status == 0
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")
    assert "this run is finished" in invoke("resume", "out").err


def test_a_chunk_that_diverges_does_not_stop_the_others(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = many(tmp_path / "photos", 6)
    solve, begun = session.solve_prepared, []

    def lost(*args, **kwargs):
        begun.append(1)
        if len(begun) == 2:
            raise Diverged("Walk diverged at step 1", "smaller steps")
        return solve(*args, **kwargs)

    monkeypatch.setattr(session, "solve_prepared", lost)
    said = invoke("solve", photos, *WALK, "--batch", "4", "--out", "out")
    assert said.status == 1
    assert "Walk diverged at step 1" in said.err
    assert len(list((tmp_path / "out" / "mean").iterdir())) == 4


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_nothing_that_is_finished_is_lost(
    invoke: Invoke, toys: Registry, tmp_path: Path, kills: int
) -> None:
    photos = many(tmp_path / "photos", 3 * kills)
    walk = [*WALK, "--set", "solver.steps=4", "--batch", "4"]
    started = time.monotonic()
    assert invoke("solve", photos, *walk, "--out", "undisturbed", "-q").status == 0
    seconds = time.monotonic() - started
    out = tmp_path / "out"

    def go_on() -> list[str]:
        if (out / "chunks.json").is_file():
            return ["resume", "out", "-q"]
        shutil.rmtree(out, ignore_errors=True)
        return ["solve", str(photos), *walk, "--out", "out", "-q"]

    def done() -> set[Path]:
        return set(out.glob("chunks/*/done.json"))

    # the first run pays for what is loaded once: the others may take a third of its time
    count = killed_again_and_again(go_on, done, kills, 1.2 * seconds / kills)
    assert invoke(*go_on()).status == 0
    assert count > 0
    assert content(out) == content(tmp_path / "undisturbed")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("count", [80, pytest.param(1000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_pictures(invoke: Invoke, tmp_path: Path, count: int) -> None:
    """Beyond what the libraries have, 1,000 pictures take no more than 1.5 times that of 16."""
    photos, taken = many(tmp_path / "photos", count), []
    for limit in (16, count):
        line = ["solve", str(photos), *WALK, "--samples", "4", "--set", "solver.steps=2"]
        line += ["--limit", str(limit), "--batch", "32", "--out", f"out-{limit}", "-q"]
        most, before = peak(line, tmp_path / f"peak-{limit}")
        taken.append((most, most - before))
    assert taken[1][0] < 1.5 * taken[0][0]
    assert taken[1][1] < 1.5 * taken[0][1] + 8


def test_workers_share_the_pictures(
    invoke: Invoke, environment: Mapping[str, str], tmp_path: Path
) -> None:
    photos = many(tmp_path / "photos", 5)
    own = {**environment, "INVPROB_PLUGINS": "basics,csgm,toys"}
    line = ["solve", str(photos), *WALK, "--batch", "4", "-q"]
    done = subprocess.run(
        [*INVPROB, *line, "--out", "two", "--workers", "2"],
        env=own, cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert invoke(*line, "--out", "one").status == 0
    assert content(tmp_path / "two") == content(tmp_path / "one")
