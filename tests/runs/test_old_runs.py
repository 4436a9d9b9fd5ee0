"""Run folders of version 0.1.0 resume and rerun, and give what they gave.

On the machine that wrote them every bit is equal; elsewhere sums are rounded in another order.
"""

import csv
import shutil
from pathlib import Path

import pytest
import torch

from invprob import cli
from invprob.io import tensor_files

DATA = Path("tests/data/v0.1")
RUNS = ("sgilo", "sgilo-adapted", "sgilo-official", "ilo", "csgm")
TOLERANCE = 1e-4

CHAOTIC = pytest.mark.skipif(
    "AVX512" not in torch.backends.cpu.get_cpu_capability(),
    reason="normal draws differ in their last bits without AVX-512, and this run magnifies them",
)

pytestmark = pytest.mark.filterwarnings("ignore:.*refuses the old name:FutureWarning")


@pytest.fixture
def old(tmp_path, monkeypatch):
    """The folder of old runs, in a place where they can be written to."""
    source = Path(__file__).parents[2] / DATA
    shutil.copytree(source, tmp_path / DATA)
    monkeypatch.chdir(tmp_path)
    return DATA


def same(folder, stored):
    found, metadata = tensor_files.read(folder / "result.safetensors")
    known, names = tensor_files.read(stored / "result.safetensors")
    assert metadata["names"] == names["names"]
    for name, tensor in known.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", [*RUNS[:4], pytest.param("csgm", marks=CHAOTIC)])
def test_a_stopped_run_resumes(old, name):
    assert cli.call(["resume", str(old / f"{name}-stopped"), "-q"]) == 0
    same(old / f"{name}-stopped", old / f"{name}-finished")


@pytest.mark.parametrize(
    "name",
    [
        *("sgilo", "ilo", "csgm"),
        *(pytest.param(name, marks=CHAOTIC) for name in ("sgilo-adapted", "sgilo-official")),
    ],
)
def test_a_finished_run_reruns(old, name):
    assert (
        cli.call(["run", str(old / f"{name}-finished/experiment.toml"), "-q", "--out", "again"])
        == 0
    )
    same(Path("again"), old / f"{name}-finished")


def test_the_trace_of_a_resumed_run_goes_on_under_the_names_of_today(old):
    assert cli.call(["resume", str(old / "ilo-stopped"), "-q"]) == 0
    with (old / "ilo-stopped/trace.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows if row["chain"] == "0"] == list(range(1, 11))
    assert all(float(row["chi2"]) > 0 for row in rows)
    assert "misfit" not in rows[0]
