"""A suite by two workers of one thread against the same suite by one: the ratio of their times.

    python benchmarks/performance/bench_workers.py

Both run from an empty folder, in turn, on an otherwise idle machine of two cores. The start of the
processes and the loading of the weights are part of the time.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUITE = """
name = "workers"
limit = 6
samples = 2
threads = 1
operators = ["inpaint:keep=0.1", "superres:factor=4", "colorize"]
[[method]]
solver = "ilo:steps=100,100,100"
[[method]]
solver = "sgilo"
"""


def seconds(folder: Path, workers: int) -> float:
    """The wall time of the whole suite, and its table beside it."""
    suite = folder / "workers.toml"
    suite.write_text(SUITE)
    out = folder / f"out-{workers}"
    command = [sys.executable, "-m", "invprob", "bench", str(suite), "--out", str(out), "--quiet"]
    started = time.perf_counter()
    subprocess.run([*command, "--workers", str(workers)], check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    ratios = []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            one, two = (seconds(Path(folder), n) for n in (1, 2))
        ratios.append(one / two)
        print(f"1 worker {one:.0f} s, 2 workers {two:.0f} s, ratio {one / two:.2f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
