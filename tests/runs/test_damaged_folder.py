"""A run folder after a crash of the machine: `resume` completes, or says in a sentence why not."""

import json
import os
import shutil

import pytest
import torch
from PIL import Image

from invprob.config.experiment import Experiment
from invprob.errors import InvprobError
from invprob.runs import pictures, session
from invprob.runs.loop import StopAfter

DAMAGES = {
    "removed": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "cut by one": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "zeros at the end": lambda path: path.write_bytes(path.read_bytes() + bytes(64)),
    "a blank line": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "garbled": lambda path: path.write_bytes(garbled(path.read_bytes())),
    "another encoding": lambda path: path.write_bytes(b"\xff\xfe\x00{" + path.read_bytes()),
}
FATAL = {"measurement.safetensors", "checkpoint.pt", "draws.safetensors"}
"""What cannot be made again; all else is."""


def garbled(data):
    middle = len(data) // 2
    return data[:middle] + bytes(b ^ 0x55 for b in data[middle : middle + 8]) + data[middle + 8 :]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    from invprob.config import registry
    from tests.conftest import TOYS

    found = registry.discover([TOYS])
    place = tmp_path_factory.mktemp("runs")
    Image.linear_gradient("L").resize((16, 16)).save(place / "photo.png")
    table = {
        "images": [str(place / "photo.png")], "solver": "walk:steps=6,burn=1", "samples": 2,
        "operator": ["mask"], "noise": "gauss",
    }  # fmt: skip
    experiment = Experiment.parse(table).resolve(found)
    whole = session.solve(experiment, found, place / "whole")
    session.solve(experiment, found, place / "stopped", lambda _: [StopAfter(4)])
    return found, place, whole


def resumed(found, out):
    try:
        return session.resume(found, out)
    except InvprobError as error:
        return error


def names(folders):
    return sorted(path.name for path in (folders[1] / "stopped").iterdir() if path.is_file())


@pytest.mark.parametrize("how", DAMAGES)
def test_every_file_damaged(folders, tmp_path, how, monkeypatch):
    found, place, whole = folders
    monkeypatch.setattr(pictures, "write", lambda *_: [])  # which take the time
    for name in names(folders):
        out = tmp_path / name
        shutil.copytree(place / "stopped", out)
        DAMAGES[how](out / name)
        if isinstance(solution := resumed(found, out), InvprobError):
            assert name in FATAL, (name, solution.message)
            assert name in solution.message
            assert solution.hint
            continue
        assert torch.equal(solution.samples, whole.samples), name
        assert torch.equal(solution.mean, whole.mean), name
        assert solution.metrics == whole.metrics
        # what is seen is told, and mended
        told = {"manifest.json", "experiment.toml"} if how in ("removed", "emptied", "cut") else ()
        assert any(name in notice for notice in solution.notices) or name not in told
        if solution.notices:
            assert not session.resume(found, out).notices
        assert json.loads((out / "manifest.json").read_text())["finished"]


def test_pictures_are_drawn_again(folders, tmp_path):
    found, place, _ = folders
    out = tmp_path / "run"
    shutil.copytree(place / "whole", out)
    pictures = sorted(out.rglob("*.png"))
    before = {path: path.read_bytes() for path in pictures}
    for i, path in enumerate(pictures):
        path.unlink() if i % 2 else path.write_bytes(b"")
    session.resume(found, out)
    assert {path: path.read_bytes() for path in sorted(out.rglob("*.png"))} == before


def test_both_files_of_the_experiment_are_damaged(folders, tmp_path):
    found, place, _ = folders
    out = tmp_path / "run"
    shutil.copytree(place / "stopped", out)
    for name in ("experiment.toml", "manifest.json"):
        (out / name).write_text("")
    with pytest.raises(InvprobError, match=r"experiment\.toml is damaged"):
        session.resume(found, out)


def test_from_another_folder_when_the_run_has_moved_and_the_picture_is_gone(
    folders, tmp_path, monkeypatch
):
    found, place, whole = folders
    shutil.copytree(place / "stopped", tmp_path / "moved")
    (place / "photo.png").rename(place / "gone.png")
    monkeypatch.chdir(tmp_path)
    try:
        solution = session.resume(found, tmp_path / "moved")
    finally:
        os.rename(place / "gone.png", place / "photo.png")
    assert torch.equal(solution.samples, whole.samples)
    assert not solution.notices


def test_a_plugin_that_is_gone_is_named(folders, tmp_path):
    from invprob.config import registry

    _, place, _ = folders
    ours = registry.discover([("basics", "invprob_basics.plugin", "invprob 1")])
    shutil.copytree(place / "stopped", tmp_path / "run")
    with pytest.raises(InvprobError) as caught:
        session.resume(ours, tmp_path / "run")
    assert "no solver is called 'walk'; the run used the plugin toys (of toys 1.0)" in str(
        caught.value
    )


def test_run_names_a_plugin_that_is_gone(folders, tmp_path, plugins, capsys):
    from invprob import cli

    _, place, _ = folders
    plugins(("basics", "invprob_basics.plugin", "invprob 1"))
    shutil.copytree(place / "stopped", tmp_path / "run")
    assert cli.call(["run", str(tmp_path / "run" / "experiment.toml")]) == 2
    assert "the run used the plugin toys (of toys 1.0)" in capsys.readouterr().err
    (tmp_path / "run" / "manifest.json").unlink()
    assert cli.call(["run", str(tmp_path / "run" / "experiment.toml")]) == 2
    assert "no solver is called 'walk'" in capsys.readouterr().err
