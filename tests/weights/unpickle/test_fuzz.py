"""Mutated files give a tree or a refusal, whatever the mutation."""

import subprocess
import sys

import pytest

from tests.weights.unpickle import fuzz


def test_some_thousand_mutations():
    done, accepted, slowest = fuzz.fuzz(4000, seed=1)
    assert done == 4000
    assert 40 < accepted < 2000  # so that both ends are reached
    assert slowest < 1


@pytest.mark.slow
def test_a_million_mutations_in_bounded_memory():
    line = [
        sys.executable,
        "-m",
        "tests.weights.unpickle.fuzz",
        "--count",
        "1000000",
        "--seed",
        "2",
    ]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1000000 mutations" in done.stdout
