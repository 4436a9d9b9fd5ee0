"""A folder is written by one process at a time, and never stays locked."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from invprob import cli
from invprob.errors import BadInput
from invprob.io import lock

HOLD = """
import sys, time
from pathlib import Path
from invprob.io import lock
with lock.only(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds `tmp_path`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_another_process_is_refused_until_the_first_ends(holder, tmp_path):
    refused = pytest.raises(BadInput, match=f"another process is writing to {tmp_path}")
    with refused, lock.only(tmp_path):
        pytest.fail("held by two")
    holder.kill()
    holder.wait()
    with lock.only(tmp_path):
        pass
    with lock.only(tmp_path):
        pass


def test_a_run_that_is_being_written_is_not_resumed(holder, tmp_path, capsys):
    (tmp_path / "experiment.toml").write_text("")
    assert cli.call(["resume", str(tmp_path)]) == 2
    assert "another process is writing" in capsys.readouterr().err


def test_a_bench_that_is_being_written_is_not_run(holder, tmp_path, capsys):
    (tmp_path / "measurements").mkdir()
    suite = tmp_path / "suite.toml"
    suite.write_text('operators = ["identity"]\nlimit = 1\n[[method]]\nsolver = "csgm:steps=1"\n')
    assert cli.call(["bench", str(suite), "--out", str(tmp_path)]) == 2
    assert "another process is writing" in capsys.readouterr().err


def test_a_file_system_without_locks_is_used_without(tmp_path, monkeypatch):
    def absent(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", absent)
    used = False
    with lock.only(tmp_path):
        used = True
    assert used


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError), lock.only(tmp_path):
        pytest.fail("written to")
