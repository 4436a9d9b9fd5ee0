"""What a run in chunks keeps: its files, its names, and its word about the whole of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invprob.config.registry import Registry
from invprob.io import survey
from invprob.runs import build, chunk_workers, cluster, folder, many, room
from tests.cli.conftest import WALK, Invoke
from tests.cli.many import content


def photos(place: Path, count: int, mode: str = "L") -> Path:
    place.mkdir()
    for i in range(count):
        Image.new(mode, (16, 16), 20 + 30 * i).save(place / f"{i}.png")
    return place


def test_names_are_unique_across_chunks(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    one, two = photos(tmp_path / "in" / "one", 3), photos(tmp_path / "in" / "two", 3)
    said = invoke("solve", one, two, *WALK, "--batch", "2", "--out", "out", "--json")
    assert said.status == 0, said.err
    names = [row["image"] for row in json.loads(said.out)["images"]]
    assert len(set(names)) == 6
    for place in ("mean", "std", "measurement", "restored"):
        assert {path.stem for path in (tmp_path / "out" / place).iterdir()} == set(names)


def test_a_chunk_names_its_own_pictures(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("solve", photos(tmp_path / "in", 3), *WALK, "--batch", "4").status == 0
    (out,) = (tmp_path / "runs").iterdir()
    said = invoke("run", out / "chunks" / "00001" / folder.EXPERIMENT, "--out", "again")
    assert said.status == 0, said.err
    assert [path.name for path in (tmp_path / "again" / "mean").iterdir()] == ["2.png"]


def test_a_finished_chunk_is_not_resumed_alone(invoke: Invoke, tmp_path: Path) -> None:
    assert (
        invoke("solve", photos(tmp_path / "in", 3), *WALK, "--batch", "4", "--out", "out").status
        == 0
    )
    said = invoke("resume", "out/chunks/00000")
    assert said.status == 2
    assert f"invprob resume {tmp_path / 'out'}" in said.err


def test_a_chunk_that_is_given_out_twice_is_solved_once(
    invoke: Invoke, toys: Registry, tmp_path: Path
) -> None:
    """A worker may be killed between the end of a chunk and its report."""
    pictures = photos(tmp_path / "in", 5)
    assert invoke("solve", pictures, *WALK, "--batch", "4", "--out", "out").status == 0
    finished = content(tmp_path / "out")
    many.reopened(toys, tmp_path / "out").solve(1)
    assert content(tmp_path / "out") == finished


def test_what_cannot_be_kept_leaves_nothing(invoke: Invoke, tmp_path: Path) -> None:
    pictures = photos(tmp_path / "in", 3)
    said = invoke("solve", pictures, *WALK, "--keep-measured", "--batch", "2", "--out", "out")
    assert said.status == 2
    assert "measured pixels cannot be kept" in said.err
    assert not (tmp_path / "out").exists()


def test_the_whole_run_has_to_find_room(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gigabyte = 10**9
    monkeypatch.setattr(room, "estimate", lambda context: (gigabyte, 0, 0))
    usage = shutil.disk_usage(tmp_path)._replace(free=3 * gigabyte - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    said = invoke("solve", photos(tmp_path / "in", 3), *WALK, "--batch", "2", "--out", "out")
    assert said.status == 2
    assert "the run needs about 3.0 GB" in said.err
    assert not (tmp_path / "out").exists()


def test_a_damaged_picture_is_found_before_the_models_are_loaded(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = photos(tmp_path / "in", 4)
    line = ("solve", pictures, *WALK, "--batch", "2", "--out", "out")
    whole = (pictures / "3.png").read_bytes()
    (pictures / "3.png").write_bytes(whole[:45])
    with monkeypatch.context() as only:
        only.setattr(build, "models", None)
        said = invoke(*line)
    assert said.status == 2
    assert "3.png is damaged or truncated" in said.err
    assert not (tmp_path / "out").exists()
    (pictures / "3.png").write_bytes(whole)
    assert invoke(*line).status == 0
    shutil.rmtree(tmp_path / "out" / "chunks" / "00003")
    (pictures / "3.png").write_bytes(whole[:45])
    assert "3.png is damaged or truncated" in invoke("resume", "out").err


def test_a_picture_damaged_on_the_way_says_how_far_the_run_came(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = photos(tmp_path / "in", 3)
    whole = (pictures / "1.png").read_bytes()
    (pictures / "1.png").write_bytes(whole[:45])
    monkeypatch.setattr(survey, "sound", tuple)
    said = invoke("solve", pictures, *WALK, "--batch", "2", "--out", "out")
    assert said.status == 2
    assert "1 of 3 pictures are finished" in said.err
    assert "invprob resume out" in said.err
    (pictures / "1.png").write_bytes(whole)
    assert invoke("resume", "out").status == 0


def test_the_manifest_says_what_the_run_was_made_of(invoke: Invoke, tmp_path: Path) -> None:
    assert (
        invoke("solve", photos(tmp_path / "in", 3), *WALK, "--batch", "2", "--out", "out").status
        == 0
    )
    path = tmp_path / "out" / "manifest.json"
    facts = json.loads(path.read_text())
    assert facts["chunks"] == 3
    assert facts["experiment"]["solver"]["name"] == "walk"
    facts["parts"]["generator"] = "00000000"
    path.write_text(json.dumps(facts))
    assert invoke("resume", "out").status == 0, "numbers that differ by rounding are the same"
    for changed in ([], [-1.0 + 2 * number for number in facts["sketches"]["generator"]]):
        facts["sketches"]["generator"] = changed
        path.write_text(json.dumps(facts))
        said = invoke("resume", "out")
        assert said.status == 2
        assert "began with another generator" in said.err


def test_only_the_first_chunk_is_drawn(invoke: Invoke, tmp_path: Path) -> None:
    assert (
        invoke("solve", photos(tmp_path / "in", 3), *WALK, "--batch", "2", "--out", "out").status
        == 0
    )
    out = tmp_path / "out"
    for name in ("trace.png", "summary.png"):
        assert [path.parent.name for path in out.glob(f"chunks/*/{name}")] == ["00000"]
    assert (out / "summary.png").is_file()
    assert len(list(out.glob("chunks/*/trace.csv"))) == 3


def test_a_folder_with_runs_in_it_can_be_solved_and_resumed(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos(tmp_path / "in", 5))
    assert invoke("solve", ".", *WALK, "--batch", "4").status == 0
    (out,) = Path("runs").iterdir()
    shutil.rmtree(out / "chunks" / "00001")
    said = invoke("resume", out)
    assert said.status == 0, said.err
    said = invoke("solve", ".", *WALK, "--batch", "4", "--out", "again")
    assert said.status == 0, said.err
    assert f"1 left out, which hold runs of invprob: {out.as_posix()}" in said.err
    assert len(list(Path("again/mean").iterdir())) == 5


def test_links_are_named_and_not_followed(invoke: Invoke, tmp_path: Path) -> None:
    pictures = photos(tmp_path / "in", 2)
    (pictures / "folder").symlink_to(photos(tmp_path / "other", 1))
    (pictures / "dead.png").symlink_to(tmp_path / "nothing.png")
    said = invoke("solve", pictures, *WALK, "--out", "out")
    assert said.status == 0, said.err
    assert "2 left out, which are links to folders or to nothing: dead.png, folder" in said.err
    assert len(list((tmp_path / "out" / "mean").iterdir())) == 2


def test_a_name_that_is_not_text_is_refused_first(invoke: Invoke, tmp_path: Path) -> None:
    pictures = photos(tmp_path / "in", 3)
    try:
        (pictures / "1.png").rename(os.fsdecode(os.fsencode(pictures) + b"/b\xff.png"))
    except OSError:
        pytest.skip("this file system takes no such names")
    said = invoke("solve", pictures, *WALK, "--batch", "4", "--out", "out")
    assert said.status == 2
    assert "is not UTF-8" in said.err
    assert not (tmp_path / "out").exists()


def test_one_batch_is_not_shared_out(invoke: Invoke, tmp_path: Path) -> None:
    photos(tmp_path / "in", 1)
    for option in (("--workers", "2"), ("--scheduler", "tcp://127.0.0.1:1")):
        said = invoke("solve", "--measurement", "in/0.png", *WALK, "--out", "out", *option)
        assert said.status == 2
        assert f"{option[0]} is given, and this run is one batch" in said.err


def test_a_worker_opens_a_later_run_in_the_same_folder_anew(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "one_gpu", dict)
    pictures = photos(tmp_path / "in", 4)
    assert invoke("solve", pictures, *WALK, "--batch", "4", "--out", "out").status == 0
    first = chunk_workers._opened(str(tmp_path / "out"), "then", None)
    assert chunk_workers._opened(str(tmp_path / "out"), "then", None) is first
    assert chunk_workers._opened(str(tmp_path / "out"), "later", None) is not first


def test_a_limit_holds_for_measurements_in_one_file(invoke: Invoke, tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.full((6, 1, 16, 16), 0.5, np.float32))
    said = invoke("solve", "--measurement", "y.npy", *WALK, "--limit", "2", "--out", "out")
    assert said.status == 0, said.err
    assert len(list((tmp_path / "out" / "mean").iterdir())) == 2
