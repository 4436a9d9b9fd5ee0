"""How long the command line takes beside what it computes.

    python benchmarks/performance/bench_startup.py [--check] [--solves 3]

Commands that compute nothing: the minimum of 12 runs by the clock, bytecode cached. Then `invprob
solve`, in seconds of a core on one thread, so that other processes matter less: what is spent until
its first step is done, of which importing torch is one part, and what is spent beside its steps.
With --check the exit status is 1 if something takes longer than it may.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RUNS = 12
BUDGET_MS = {"--help": 150, "list": 250, "weights list": 250}
SHOWN = (*BUDGET_MS, "--version", "solve --help", "show solver csgm", "solve --dry-run")
BUDGET_CPU_MS = {"import torch": None, "first step": 2000, "beside the steps": 5000}


def milliseconds(command: list[str]) -> list[float]:
    """The wall time of each run, after one that fills the caches."""
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(1000 * (time.perf_counter() - started))
    return times[1:]


def solved(out: Path) -> dict[str, float]:
    """CPU milliseconds of `invprob solve` in a process of its own."""
    child = [sys.executable, __file__, "--watched", str(out)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True, env=env)
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def watched(out: Path) -> None:
    """Solve as the command does, and print what was spent."""
    from invprob import cli
    from invprob.config import process

    loading, spent = process.loading, dict[str, float]()

    @contextmanager
    def timed() -> Iterator[None]:
        from_here = time.process_time()
        with loading():
            import torch  # noqa: F401

            spent.setdefault("import torch", time.process_time() - from_here)
            yield
        from invprob.runs import session

        session.drive = drive

    def drive(solver: Any, problem: Any, callbacks: Any, state: Any) -> Any:
        from invprob.runs import loop

        def see(_: Any) -> None:
            spent.setdefault("first step", time.process_time())

        from_here = time.process_time()
        state = loop.drive(solver, problem, (see, *callbacks), state)
        spent["steps"] = time.process_time() - from_here
        return state

    process.loading = timed
    sys.argv = ["invprob", "solve", "--out", str(out), "--quiet"]
    try:
        cli.main()
    finally:
        spent["beside the steps"] = time.process_time() - spent.pop("steps")
        print(json.dumps({name: 1000 * value for name, value in spent.items()}))


def report(what: str, times: list[float], budget: int | None) -> bool:
    """Print a row; whether it is over its budget."""
    print(f"{what:<20}{min(times):>8.0f}{statistics.median(times):>8.0f}{budget or '':>8}")
    return budget is not None and min(times) > budget


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail above the budgets")
    parser.add_argument("--solves", type=int, default=3, help="how often to solve; 0: never")
    parser.add_argument("--watched", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.watched:
        watched(args.watched)
    script = shutil.which("invprob")
    start = [script] if script else [sys.executable, "-m", "invprob"]
    print(f"{'invprob …':<20}{'min':>8}{'median':>8}{'budget':>8}   (ms, {RUNS} runs)")
    late = [
        line
        for line in SHOWN
        if report(line, milliseconds([*start, *line.split()]), BUDGET_MS.get(line))
    ]
    if args.solves:
        with tempfile.TemporaryDirectory() as place:
            runs = [solved(Path(place) / str(i)) for i in range(args.solves)]
        print(f"{'invprob solve':<20}{'':>24}   (CPU ms, {args.solves} runs)")
        for part, budget in BUDGET_CPU_MS.items():
            if report(part, [run[part] for run in runs], budget):
                late.append(part)
    if late:
        print("over budget: " + ", ".join(late))
    return int(bool(late) and args.check)


if __name__ == "__main__":
    sys.exit(main())
