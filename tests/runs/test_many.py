"""Many pictures in Python, measurements of a folder, and what is in memory: all in chunks."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import invprob
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import images
from invprob.runs import session
from invprob.runs.folder_solution import FolderSolution
from tests.cli.conftest import WALK, Invoke
from tests.cli.many import content, many
from tests.toys import SHAPE

WALK_BY_NAME = {
    "solver": "walk:steps=5,burn=0",
    "operator": "mask",
    "noise": "gauss",
    "num_samples": 2,
}


def pictures(count: int) -> torch.Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(0))


def test_pictures_in_memory_are_solved_in_chunks(toys: Registry, tmp_path: Path) -> None:
    truth = list(pictures(5))
    out = tmp_path / "out"
    cut = invprob.solve(truth=truth, **WALK_BY_NAME, out=out, batch=4)
    assert isinstance(cut, FolderSolution)
    whole = invprob.solve(truth=truth, **WALK_BY_NAME)
    assert cut.names == whole.names
    for name in ("y", "truth", "samples", "mean", "std", "lower", "upper"):
        assert torch.allclose(getattr(cut, name), getattr(whole, name), atol=1e-5), name
    assert [len(part.names) for part in cut] == [2, 2, 1]
    assert len(cut.trace) == len(whole.trace)
    assert cut.draws is not None
    assert whole.draws is not None
    assert torch.allclose(cut.draws.values, whole.draws.values, atol=1e-4)
    assert [found.row() for found in cut.diagnostics] == [part.row() for part in whole.diagnostics]
    assert len(list((out / "mean").iterdir())) == 5
    assert "in 3 chunks" in repr(cut)
    assert cut.summary


def test_many_in_memory_are_cut_by_themselves(toys: Registry, tmp_path: Path) -> None:
    shallow = {**WALK_BY_NAME, "solver": "walk:steps=1"}
    assert not isinstance(
        invprob.solve(truth=pictures(32), **shallow, out=tmp_path / "few"), FolderSolution
    )
    assert isinstance(
        invprob.solve(y=pictures(33), **shallow, out=tmp_path / "many"), FolderSolution
    )
    with pytest.raises(BadInput, match="without a folder"):
        invprob.solve(truth=pictures(2), **shallow, batch=4)


@pytest.mark.parametrize("kind", ["truth", "y"])
def test_what_was_in_memory_is_resumed_from_the_folder(
    toys: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The process that had it is gone."""
    solve, begun = session.solve_prepared, []

    def killed(*args, **kwargs):
        begun.append(1)
        if len(begun) == 2:
            raise RuntimeError("killed")
        return solve(*args, **kwargs)

    given = {kind: pictures(5), **WALK_BY_NAME, "batch": 4}
    with monkeypatch.context() as only:
        only.setattr(session, "solve_prepared", killed)
        with pytest.raises(RuntimeError, match="killed"):
            invprob.solve(**given, out=tmp_path / "out")
    assert len(list((tmp_path / "out" / "mean").iterdir())) == 2
    resumed = invprob.resume(tmp_path / "out")
    undisturbed = invprob.solve(**given, out=tmp_path / "undisturbed")
    assert torch.equal(resumed.samples, undisturbed.samples)
    assert results(tmp_path / "out") == results(tmp_path / "undisturbed")


def results(out: Path) -> dict[str, bytes]:
    """What a run folder holds, but for experiments, which name the folder itself."""
    return {name: data for name, data in content(out).items() if not name.endswith(".toml")}


def measured(folder: Path, count: int) -> Path:
    """Pictures and arrays, of which each was measured."""
    for path in sorted(many(folder, count).iterdir())[::2]:
        save_file({"measurement": images.read(path, 1)}, path.with_suffix(".safetensors"))
        path.unlink()
    return folder


@pytest.mark.parametrize("batch", ["4", "auto"])
def test_a_folder_of_measurements(invoke: Invoke, tmp_path: Path, batch: str) -> None:
    folder = measured(tmp_path / "measured", 5)
    line = ("solve", "--measurement", folder, *WALK, "--batch", batch, "--out")
    said = invoke(*line, "out")
    assert said.status == 0, said.err
    assert {path.stem for path in (tmp_path / "out" / "mean").iterdir()} == {
        path.stem for path in folder.iterdir()
    }
    assert (tmp_path / "out" / "chunks").is_dir() == (batch == "4")
    one = invoke("solve", "--measurement", folder / "picture-0001.png", *WALK, "--out", "one")
    assert one.status == 0, one.err
    means = [images.read(tmp_path / out / "mean" / "picture-0001.png", 1) for out in ("out", "one")]
    assert torch.allclose(*means, atol=0.02)
    if batch == "4":
        shutil.rmtree(tmp_path / "out" / "chunks" / "00001")
        assert invoke("resume", "out").status == 0
        assert invoke(*line, "again").status == 0
        assert results(tmp_path / "out") == results(tmp_path / "again")


def test_a_damaged_measurement_stops_nothing_later(invoke: Invoke, tmp_path: Path) -> None:
    folder = measured(tmp_path / "measured", 5)
    (folder / "picture-0003.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    said = invoke("solve", "--measurement", folder, *WALK, "--batch", "4", "--out", "out")
    assert said.status == 2
    assert "picture-0003.png" in said.err
    assert not (tmp_path / "out").exists()
    (folder / "picture-0003.png").unlink()
    Image.new("L", (17, 16)).save(folder / "odd.png")
    said = invoke("solve", "--measurement", folder, *WALK, "--batch", "4", "--out", "out")
    assert (said.status, "17×16" in said.err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_an_array_of_many_measurements(invoke: Invoke, tmp_path: Path) -> None:
    save_file({"measurement": pictures(5)}, tmp_path / "y.safetensors")
    line = ("solve", "--measurement", "y.safetensors", *WALK, "--batch", "4", "--out", "out")
    assert invoke(*line).status == 0
    assert {path.stem for path in (tmp_path / "out" / "mean").iterdir()} == {
        f"y-{i}" for i in range(5)
    }


def test_the_noise_of_each_measurement_is_its_own(tmp_path: Path) -> None:
    """Each has objects of its own, so each is a chunk."""
    folder = tmp_path / "measured"
    folder.mkdir()
    rng = torch.Generator().manual_seed(0)
    for i, sigma in enumerate((0.05, 0.1, 0.15)):
        noisy = 0.5 + sigma * torch.randn(1, 48, 48, generator=rng)
        save_file({"measurement": noisy}, folder / f"{i}.safetensors")
    solution = invprob.solve(
        folder, "tv:steps=2", operator="identity", noise="gaussian:sigma=auto", num_samples=1,
        out=tmp_path / "out",
    )  # fmt: skip
    assert isinstance(solution, FolderSolution)
    levels = []
    for k in range(3):
        text = (tmp_path / "out" / "chunks" / f"{k:05d}" / "experiment.toml").read_text()
        levels.append(tomllib.loads(text)["noise"]["sigma"])
    assert levels == pytest.approx([0.05, 0.1, 0.15], rel=0.2)
    with pytest.raises(BadInput, match="found in one measurement, and 3 are given"):
        invprob.solve(folder, "tv:steps=2", operator="identity", noise="gaussian:sigma=auto")
