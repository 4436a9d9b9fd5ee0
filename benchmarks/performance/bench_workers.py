"""Two workers of one thread against one, in `solve` and in `bench`: the ratio of their times.

    python benchmarks/performance/bench_workers.py

Each work is done from an empty folder, by one worker and then by two, on an otherwise idle machine
of two cores. The start of the processes and the loading of the weights are part of the time. All
takes less than five minutes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

SUITE = """
name = "workers"
limit = 5
samples = 2
threads = 1
operators = ["inpaint:keep=0.1", "superres:factor=4"]
[[method]]
solver = "ilo:steps=40,40,40"
[[method]]
solver = "sgilo:steps=100,fisher_probes=2"
"""
SOLVE = "solve --solver sgilo:steps=110,fisher_probes=2 --operator inpaint:keep=0.1 --samples 4"
PICTURES, ROWS = 16, 8


def bench(place: Path, workers: int) -> list[str]:
    """The command of a suite of 20 cells."""
    suite = place / "workers.toml"
    suite.write_text(SUITE)
    return ["bench", str(suite), "--out", str(place / f"bench-{workers}")]


def solve(place: Path, workers: int) -> list[str]:
    """The command of a run of eight chunks."""
    photos = place / "photos"
    photos.mkdir(exist_ok=True)
    for i in range(PICTURES):
        Image.new("RGB", (64, 64), (16 * i, 128, 240 - 15 * i)).save(photos / f"{i:02d}.png")
    out = str(place / f"solve-{workers}")
    return [*SOLVE.split(), str(photos), "--batch", str(ROWS), "--out", out]


def seconds(work: Callable[[Path, int], list[str]], place: Path, workers: int) -> float:
    """The wall time of a command."""
    line = [*work(place, workers), "--workers", str(workers), "--quiet"]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "invprob", *line], check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    for work in (solve, bench):
        ratios = []
        for _ in range(args.rounds):
            with tempfile.TemporaryDirectory() as folder:
                one, two = (seconds(work, Path(folder), n) for n in (1, 2))
            ratios.append(one / two)
            name = work.__name__
            print(f"{name}: 1 worker {one:.0f} s, 2 workers {two:.0f} s, ratio {one / two:.2f}")
        print(f"{work.__name__}: median ratio {statistics.median(ratios):.2f}", flush=True)


if __name__ == "__main__":
    main()
