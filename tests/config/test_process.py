"""The command line bounds the time that idle threads spin; the library and the user decide else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from invprob.config import process

SCRIPT = """
import os, sys
from invprob import cli
sys.argv = ["invprob", "--version"]
assert "GOMP_SPINCOUNT" not in os.environ or "set" in os.environ["GOMP_SPINCOUNT"]
try:
    cli.main()
except SystemExit:
    pass
print("torch" in sys.modules, os.environ.get("GOMP_SPINCOUNT"), os.environ["OMP_NUM_THREADS"])
"""


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, process.SPIN),
        ({"GOMP_SPINCOUNT": "set by me"}, "set by me"),
        ({"OMP_WAIT_POLICY": "active"}, "None"),
        ({"KMP_BLOCKTIME": "0"}, "None"),
    ],
)
def test_threads_wait_as_they_are_told(own: Mapping[str, str], expected: str) -> None:
    plain = {name: value for name, value in os.environ.items() if name not in process.OWN}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**plain, "OMP_NUM_THREADS": "3", **own},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"False {expected} 3"


def test_what_is_imported_is_left_out_of_later_searches() -> None:
    script = """
import gc
from invprob.config import process
with process.loading():
    assert not gc.isenabled()
    import torch
assert gc.isenabled() and gc.get_freeze_count() > 100_000
kept = gc.get_freeze_count()
with process.loading():
    assert gc.isenabled()
assert gc.get_freeze_count() <= kept
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
