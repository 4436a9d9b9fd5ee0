"""Freed memory is kept by the process of the command line, unless the user has set it otherwise."""

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")

FAULTS = """
import resource, sys
from invprob.config import allocator
kept = allocator.keep_freed() if sys.argv[1] == "keep" else None
def fill():
    bytearray(2**26)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill()
before = fill()
for _ in range(20):
    after = fill()
print(kept, after - before)
"""


def run(what, **extra):
    own = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", FAULTS, what]
    done = subprocess.run(command, env=own | extra, capture_output=True, text=True, check=True)
    kept, faults = done.stdout.split()
    return kept, int(faults)


def test_what_is_freed_is_used_again():
    _, before = run("leave")
    kept, after = run("keep")
    assert kept == "True"
    assert before > 20 * 2**26 // 4096 // 4  # a page is found for each 4 KiB, or a few at once
    assert after < before / 20


@pytest.mark.parametrize(
    "own", [{"MALLOC_TOP_PAD_": "65536"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"}]
)
def test_what_the_user_set_is_left(own):
    assert run("keep", **own)[0] == "False"


def test_what_dask_sets_for_its_workers_is_not_the_users_word():
    kept, faults = run("keep", MALLOC_TRIM_THRESHOLD_="65536")
    assert kept == "True"
    assert faults < run("leave", MALLOC_TRIM_THRESHOLD_="65536")[1] / 20


def test_the_command_line_does_it_and_the_library_does_not(monkeypatch):
    script = """
import sys
from unittest import mock
from invprob.config import allocator
with mock.patch.object(allocator, "keep_freed") as kept:
    import invprob
    from invprob import cli
    cli.call(["--version"])
    assert not kept.called
    sys.argv = ["invprob", "--version"]
    try:
        cli.main()
    except SystemExit:
        pass
    assert kept.called
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
