"""Room for the files of a run is asked for before its first step."""

import resource
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from invprob.runs import room
from tests.cli.conftest import INVPROB, WALK


def test_a_disk_that_is_too_small_is_told_before_the_first_step(
    invoke, photo, tmp_path, monkeypatch
):
    usage = SimpleNamespace(total=10**9, used=10**9 - 5000, free=5000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    said = invoke("solve", photo, *WALK, "--out", "out")
    assert said.status == 2
    assert "kB in out, where 5.0 kB are free" in said.err
    assert "hint: free some space" in said.err
    assert not (tmp_path / "out").exists()


def test_a_limit_of_files_is_told_before_the_first_step(invoke, photo, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(resource, "getrlimit", lambda which: (4096, -1))
    said = invoke("solve", photo, *WALK, "--out", "out")
    assert said.status == 2
    assert "files are limited to 4.1 kB here" in said.err
    assert "ulimit -f" in said.err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_run_that_finds_room(invoke, photo, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (2**20, -1))
    assert invoke("solve", photo, *WALK, "--out", "out").status == 0


@pytest.mark.parametrize(
    ("count", "words"),
    [(12, "12 bytes"), (4096, "4.1 kB"), (2_500_000, "2.5 MB"), (9e13, "90000.0 GB")],
)
def test_sizes_in_words(count, words):
    assert room._size(count) == words


@pytest.mark.slow
def test_ulimit(photo, tmp_path, environment):
    line = " ".join(["ulimit -f 4;", *INVPROB, "solve", photo.name, *WALK, "--out", "out"])
    told = {**environment, "INVPROB_PLUGINS": "toys"}
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=told, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "ulimit -f" in done.stderr
    assert not (tmp_path / "out").exists()
