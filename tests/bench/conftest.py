"""Suites of toys, run by the command line; their cells are computed here, or where users' are."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from invprob import cli
from invprob.bench.execution import executors, protocol, subprocess_worker
from invprob.bench.execution.worker import Failed, Tell, Worker
from tests.cli.conftest import INVPROB, Said, environment
from tests.conftest import TOYS, Plugins

__all__ = ["environment"]

Bench = Callable[..., Said]

SUITE = """
name = "toys"
images = ["pictures"]
operators = ["mask:keep=0.5", "mask:keep=0.25"]
noise = ["gauss:sigma=0.05"]
samples = 2
threads = 1

[[method]]
solver = "walk:steps=30,burn=5"

[[method]]
name = "short"
solver = "walk:steps=5"
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of two methods, two tasks and three pictures."""
    (tmp_path / "pictures").mkdir()
    for i in range(3):
        turned = Image.linear_gradient("L").resize((16, 16)).rotate(90 * i)
        turned.save(tmp_path / "pictures" / f"p{i}.png")
    path = tmp_path / "suite.toml"
    path.write_text(SUITE)
    return path


class WorkerHere(Worker):
    """Computes cells in this process: to start one and to load torch there takes seconds."""

    def solve(self, packed: bytes, timeout: float, tell: Tell = lambda *_: None) -> bytes:
        answers = io.BytesIO()
        subprocess_worker._answer(answers, packed)
        answers.seek(0)
        while True:
            kind, data = protocol.receive(answers)
            if kind == b"R":
                return data
            if kind == b"E":
                raise Failed(data.decode())
            done, _ = protocol.unpack(data)
            tell(done["step"], done["total"])


@pytest.fixture
def watched_bench(
    environment: Mapping[str, str],
    suite: Path,
    plugins: Plugins,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    """``invprob bench SUITE …``, which must end with `status`; it starts a process for cells."""
    plugins(("basics", "invprob_basics.plugin", ""), TOYS)
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])  # for the workers
    monkeypatch.setenv("INVPROB_PLUGINS", "basics,toys")
    monkeypatch.chdir(suite.parent)

    def run(*args: str | Path, status: int = 0) -> Said:
        capsys.readouterr()
        said = Said(cli.call(["bench", str(suite), *map(str, args)]), *capsys.readouterr())
        assert said.status == status, said.err
        return said

    return run


@pytest.fixture
def bench(watched_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The same without another process."""
    monkeypatch.setattr(executors, "Worker", WorkerHere)
    return watched_bench


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench") / "finished"


@pytest.fixture
def finished(bench: Bench, kept: Path, tmp_path: Path) -> Path:
    """A copy of the folder of the finished suite, which is computed once."""
    if not kept.exists():
        bench("--out", kept, "-q")
    return shutil.copytree(kept, tmp_path / "finished")


def bench_alone(
    environment: Mapping[str, str], suite: Path, *args: str | Path, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as dask and signals need it."""
    done = subprocess.run(
        [*INVPROB, "bench", str(suite), *map(str, args)],
        env={**environment, "INVPROB_PLUGINS": "basics,toys"},
        cwd=suite.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == status, done.stderr
    return done


def figures(out: Path) -> list[dict[str, Any]]:
    """The lines of the table, without what differs from run to run."""
    lines = json.loads((out / "results.json").read_text())["lines"]
    for line in lines:
        for part in ("values", "differences"):
            for metric in ("seconds", "memory_mb"):
                line[part].pop(metric, None)
    return lines
