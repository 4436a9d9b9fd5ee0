"""`sample`, `invert` and `naturalize` in chunks: the same command goes on, and gives the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from invprob.cli import call
from invprob.io import images
from invprob.latents import naturalize
from invprob.latents.generation import Drawing
from invprob.latents.inversion_dataset import Inversions
from invprob.runs.naturalised import Naturalisation

SAMPLES = str(images.SAMPLES)
COMMANDS = {
    "sample": (Drawing, "--count 5 --batch 2"),
    "invert": (Inversions, f"{SAMPLES} --limit 3 --set steps=2 --batch 1"),
    "naturalize": (
        Naturalisation,
        f"{SAMPLES} --limit 3 --steps 2 --sampler ancestral:steps=1 --batch 1",
    ),
}


def content(out: Path) -> dict[str, bytes]:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def stopped_at(chunk: int, solve: Callable[..., None]) -> Callable[..., None]:
    """A method that is stopped by Ctrl-C at its n-th call."""
    calls = itertools.count()

    def stopped(*args, **kwargs):
        if next(calls) == chunk:
            raise KeyboardInterrupt
        solve(*args, **kwargs)

    return stopped


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_command_goes_on(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work, text = COMMANDS[name]
    line = [name, *text.split()]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(naturalize, "FLOW_STEPS", 1)
    with monkeypatch.context() as only:
        only.setattr(work, "solve", stopped_at(1, work.solve))
        assert call([*line, "--out", "out"]) == 130
    total, size = (5, 2) if name == "sample" else (3, 1)
    assert f"{size} of {total} pictures are finished" in capsys.readouterr().err
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.png")}
    assert call([*line, "--out", "out"]) == 0
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert call([*line, "--out", "undisturbed"]) == 0
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")


def test_a_folder_that_was_begun_for_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as only:
        only.setattr(Drawing, "solve", stopped_at(1, Drawing.solve))
        assert call(["sample", "--count", "3", "--out", "out", "-q"]) == 130
    assert call(["sample", "--count", "3", "--seed", "1", "--out", "out"]) == 2
    assert "was begun with other pictures, parameters or weights" in capsys.readouterr().err
    (tmp_path / "out" / "begun.json").write_text("{")
    assert call(["sample", "--count", "3", "--out", "out"]) == 2
    assert "begun.json is damaged" in capsys.readouterr().err


def test_a_broken_picture_is_found_before_the_models_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from invprob.runs import build

    monkeypatch.setattr(build, "component", None)
    whole = next(images.SAMPLES.glob("*.png")).read_bytes()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.png").write_bytes(whole)
    (tmp_path / "photos" / "2.png").write_bytes(whole[:-400])
    for command in ("invert", "naturalize"):
        line = [command, str(tmp_path / "photos"), "--out", str(tmp_path / "out")]
        assert call(line) == 2
        assert "2.png is damaged or truncated" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
