"""What a user can get wrong: one sentence, one hint, exit status 2, and nothing written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from invprob.io import images
from tests.cli.conftest import WALK, Invoke


@pytest.mark.parametrize("words", [[], ["weights"]])
def test_a_group_without_a_command_prints_its_help(invoke: Invoke, words: list[str]) -> None:
    said = invoke(*words)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("Usage: invprob")


def _fault(message: str, hint: str = "") -> str:
    return f"error: {message}\n" + (f"hint: {hint}\n" if hint else "")


WRONG = {
    "command": (
        ["slove"],
        "no command is called 'slove'",
        "did you mean 'solve'?",
    ),
    "option": (
        ["list", "--jsno"],
        "no such option: --jsno",
        "did you mean --json?",
    ),
    "missing argument": (
        ["resume"],
        "missing argument 'DIR'",
        "see `invprob resume --help`",
    ),
    "device": (
        ["solve", "--device", "tpu"],
        "invalid value for '--device': 'tpu' is not one of 'auto', 'cpu', 'cuda', 'mps'",
        "see `invprob solve --help`",
    ),
    "kind": (
        ["show", "slover", "walk"],
        "no kind of component is called 'slover'",
        "did you mean 'solver'?",
    ),
    "component": (
        ["solve", "{photo}", *WALK, "--solver", "wakl"],
        "no solver is called 'wakl'",
        "did you mean 'walk'?; broken plugins: lost (see invprob list)",
    ),
    "component of another kind": (
        ["show", "prior", "xyz"],
        "no prior is called 'xyz'",
        "known: box, normal; broken plugins: lost (see invprob list)",
    ),
    "parameter": (
        ["solve", "{photo}", *WALK, "--solver", "walk:step=3"],
        "solver walk.step: there is no such parameter",
        "did you mean 'steps'?",
    ),
    "type": (
        ["solve", "{photo}", *WALK, "--solver", "walk:steps=many"],
        "solver walk.steps: must be a whole number (got 'many')",
        "see `invprob show solver walk`",
    ),
    "keep=0": (
        ["solve", "{photo}", *WALK, "--operator", "mask:keep=0"],
        "operator mask.keep: must be greater than 0 (got '0')",
        "see `invprob show operator mask`",
    ),
    "spec": (
        ["solve", "{photo}", *WALK, "--operator", "mask:keep"],
        "'keep' in 'mask:keep' is not key=value",
        "write name:key=value,key=value",
    ),
    "samples": (
        ["solve", "{photo}", *WALK, "--samples", "0"],
        "samples: must be greater than or equal to 1 (got 0)",
        "see `invprob solve --help`",
    ),
    "prior": (
        ["solve", "{photo}", *WALK, "--prior", "box"],
        "walk needs a prior with a log_density; box offers proximal",
        "priors with a log_density: normal",
    ),
    "two priors": (
        ["solve", "{photo}", *WALK, "--prior", "0=normal", "--prior", "0=box"],
        "--prior is given twice for stage 0",
        "keep one of them",
    ),
    "set": (
        ["solve", "{photo}", *WALK, "--set", "solver.steps"],
        "--set 'solver.steps' is not path=value",
        "e.g. --set solver.steps=200",
    ),
    "set, field": (
        ["solve", "{photo}", *WALK, "--set", "sovler.steps=3"],
        "--set 'sovler.steps=3': an experiment has no 'sovler'",
        "did you mean 'solver'?",
    ),
    "set, path": (
        ["solve", "{photo}", *WALK, "--set", "operator.5.keep=0.5"],
        "--set 'operator.5.keep=0.5' leads nowhere",
        "e.g. --set solver.steps=200",
    ),
    "set, parameter": (
        ["solve", "{photo}", *WALK, "--set", "solver.stesp=3"],
        "solver walk.stesp: there is no such parameter",
        "did you mean 'steps'?",
    ),
    "set, parameter of the solver": (
        ["solve", "{photo}", *WALK, "--set", "steps=3"],
        "--set 'steps=3': an experiment has no 'steps'",
        "did you mean solver.steps?",
    ),
    "number for a noise": (
        ["solve", "{photo}", *WALK, "--noise", "0.05"],
        "no noise is called '0.05'",
        "write NAME:key=value, e.g. gauss:sigma=0.05; broken plugins: lost (see invprob list)",
    ),
    "no colon": (
        ["solve", "{photo}", *WALK, "--noise", "gauss=0.05"],
        "no noise is called 'gauss=0.05'",
        "parameters stand behind a colon: gauss:sigma=0.05; broken plugins: lost (see invprob"
        " list)",
    ),
    "nothing behind |": (
        ["solve", "{photo}", *WALK, "--operator", "mask|"],
        "operator 'mask|' has nothing on one side of |",
        "write A|B, which applies A, then B",
    ),
    "version": (
        ["version"],
        "no command is called 'version'",
        "write invprob --version",
    ),
    "value in a list": (
        ["sample", "--generator", "linear:scale=0", "--out", "o", "--count", "many"],
        "invalid value for '--count' / '--samples': 'many' is not a valid integer range",
        "see `invprob sample --help`",
    ),
    "no such file": (
        ["solve", "missing.png", *WALK],
        "there is no file or folder missing.png",
        "check the path",
    ),
    "no experiment": (
        ["run", "missing.toml"],
        "there is no experiment file missing.toml",
        "give the path of a TOML file",
    ),
    "no run": (
        ["resume", "missing"],
        "missing is not a run folder",
        "give a folder that invprob solve wrote",
    ),
    "images and measurement": (
        ["solve", "{photo}", "--measurement", "{photo}", *WALK],
        "images and a measurement are given at once",
        "give images to degrade, or one --measurement that is degraded already",
    ),
    "training set": (
        ["train", "count", "{photo}", "--set", "steps"],
        "--set 'steps' is not key=value",
        "e.g. --set batch=16",
    ),
    "file of a parameter": (
        ["invert", "{photo}", "--out", "out", "--set", "encoder=missing"],
        "there is no file or folder missing",
        "check the path",
    ),
    "sampling": (
        ["sample", "--generator", "linear:scale=0"],
        "generator linear.scale: must be greater than 0 (got '0')",
        "see `invprob show generator linear`",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_message_and_nothing_written(
    invoke: Invoke, photo: Path, tmp_path: Path, name: str
) -> None:
    args, message, hint = WRONG[name]
    out = ["--out", "out"] if args[0] in ("solve", "run", "train", "sample") else []
    said = invoke(*(arg.format(photo=photo) for arg in args), *out)
    assert said.err == _fault(message, hint)
    assert (said.status, said.out) == (2, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]


@pytest.mark.parametrize("command", ["solve", "sample"])
def test_folder_in_use(invoke: Invoke, photo: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("")
    args = (photo, *WALK) if command == "solve" else ("--generator", "linear")
    said = invoke(command, *args, "--out", "out")
    assert said.err.startswith("error: folder out is not empty\nhint: ")
    assert said.status == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("out", "reason"), [("photo.png/out", "not a directory"), ("/proc/out", "no such file")]
)
def test_folder_that_cannot_be_made(invoke: Invoke, photo: Path, out: str, reason: str) -> None:
    said = invoke("solve", photo, *WALK, "--out", out)
    assert said.err.startswith(f"error: folder {out} cannot be written: {reason}")
    assert said.status == 2


def test_wrong_size(invoke: Invoke, photo: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (20, 16)).save(photo)
    said = invoke("solve", photo, *WALK, "--out", "out")
    assert said.err.startswith("error: photo is 20×16 pixels, and the generator takes 16×16\n")
    assert said.status == 2
    assert not (tmp_path / "out").exists()
    assert invoke("solve", photo, *WALK, "--out", "out", "--crop", "--quiet").status == 0


@pytest.mark.parametrize("given", [True, False])
def test_full_disk_at_the_start_leaves_nothing(
    invoke: Invoke, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    from invprob.io import tensor_files

    def write(path: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    if given:
        (tmp_path / "out").mkdir()
    monkeypatch.setattr(tensor_files, "write", write)
    said = invoke("solve", photo, *WALK, "--out", "out")
    assert said.err.startswith("error: the disk is full (out/measurement.safetensors)\nhint: ")
    assert said.status == 2
    assert (tmp_path / "out").exists() == given
    assert not given or not list((tmp_path / "out").iterdir())


def test_full_disk_at_the_end_can_be_resumed(
    invoke: Invoke, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(images, "write_png", save)
        said = invoke("solve", photo, *WALK, "--out", "out")
    assert said.err.splitlines()[-2:] == [
        "error: the disk is full",
        "hint: free some space; a run that has begun can be resumed",
    ]
    assert said.status == 2
    assert invoke("resume", "out", "--quiet").status == 0
    assert (tmp_path / "out" / "summary.png").is_file()


def test_a_bug_is_a_traceback(invoke: Invoke, monkeypatch: pytest.MonkeyPatch, photo: Path) -> None:
    from invprob.cli import execute

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(execute, "solve", fail)
    with pytest.raises(ZeroDivisionError):
        invoke("solve", photo, *WALK)
