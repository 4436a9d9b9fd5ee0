"""How long a command takes that computes nothing: the minimum of 12 runs, bytecode cached.

    python benchmarks/performance/bench_startup.py [--check]

With --check the exit status is 1 if a command takes longer than it may.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time

RUNS = 12
BUDGET_MS = {"--help": 150, "list": 250, "weights list": 250}
SHOWN = (*BUDGET_MS, "--version", "solve --help", "show solver csgm", "solve --dry-run")


def milliseconds(command: list[str]) -> list[float]:
    """The wall time of each run, after one that fills the caches."""
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(1000 * (time.perf_counter() - started))
    return times[1:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail above the budgets")
    args = parser.parse_args()
    script = shutil.which("invprob")
    start = [script] if script else [sys.executable, "-m", "invprob"]
    late = []
    print(f"{'invprob …':<20}{'min':>8}{'median':>8}{'budget':>8}   (ms, {RUNS} runs)")
    for line in SHOWN:
        times = milliseconds([*start, *line.split()])
        budget = BUDGET_MS.get(line)
        print(f"{line:<20}{min(times):>8.0f}{statistics.median(times):>8.0f}{budget or '':>8}")
        if budget is not None and min(times) > budget:
            late.append(line)
    if late:
        print("over budget: " + ", ".join(late))
    return int(bool(late) and args.check)


if __name__ == "__main__":
    sys.exit(main())
