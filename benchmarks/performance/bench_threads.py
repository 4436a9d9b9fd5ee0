"""How threads should wait: a step on two threads by the setting, on idle cores and beside others.

    python benchmarks/performance/bench_threads.py [--rounds 3] [--spins 2000 4000]

Two threads on two cores, pinned, in a process per setting, the settings in turn. *Beside one other
process* a process of one thread computes all the time, pinned to the second core. Both states are
measured in one run, so the machine must have nothing else to do. Ratios are to the fastest setting
of a state, in the column *one thread* to one thread of the same state; the two that must hold are
at most 1.05 on idle cores and 1.3 times one thread beside another process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

SETTINGS = {
    "default": {},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
STEP = """
import sys, time
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.runs.inputs import prepare
rows, steps = int(sys.argv[1]), int(sys.argv[2])
table = {
    "solver": f"sgilo:stages=3,steps={10 * steps},anneal=0.1,t_start=0.15",
    "operator": "inpaint:keep=0.1", "limit": 1, "samples": rows,
}
experiment = Experiment.parse(table).resolve(registry())
parts, data = prepare(experiment, registry())
problem = parts.problem(data.y, rows, 0)
for k, _ in enumerate(parts.solver.run(problem)):
    if k == steps:
        started = time.perf_counter()
    if k == 2 * steps:
        break
print((time.perf_counter() - started) / steps)
"""
BUSY = "while True: pass"


def milliseconds(setting: dict[str, str], cores: list[int], rows: int, steps: int) -> float:
    """The wall time of a step in a process of its own."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    own = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-c", STEP, str(rows), str(steps)]
    done = subprocess.run(
        command,
        env={**own, "OMP_NUM_THREADS": str(len(cores)), **setting},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return 1000 * float(done.stdout)


def measure(
    settings: dict[str, dict[str, str]],
    cores: list[int],
    rounds: int,
    rows: int,
    steps: int,
    neighbour: bool,
) -> dict[str, float]:
    """The median over the rounds by setting, with or without a neighbour on the last core."""
    other = None
    if neighbour:
        other = subprocess.Popen(
            [sys.executable, "-c", BUSY],
            preexec_fn=lambda: os.sched_setaffinity(0, cores[-1:]),
        )
    try:
        times: dict[str, list[float]] = {name: [] for name in settings}
        for _ in range(rounds):
            for name, setting in settings.items():
                times[name].append(milliseconds(setting, cores, rows, steps))
    finally:
        if other is not None:
            other.kill()
            other.wait()
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--spins", type=int, nargs="*", default=[500, 1000, 2000, 4000, 8000, 20000]
    )
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        sys.exit("bench_threads needs two cores that it may use")
    settings = SETTINGS | {f"spin {n}": {"GOMP_SPINCOUNT": str(n)} for n in args.spins}
    states = {
        state: measure(settings, cores, args.rounds, args.rows, args.steps, neighbour)
        for state, neighbour in (("idle", False), ("beside one other process", True))
    }
    print(
        "| threads wait | " + " | ".join(f"{s}, ms | to the best | to one thread" for s in states)
    )
    print("|---" * (1 + 3 * len(states)) + "|")
    for name in settings:
        cells = [name]
        for found in states.values():
            best, one = min(found.values()), found["one thread"]
            cells += [f"{found[name]:.0f}", f"{found[name] / best:.2f}", f"{found[name] / one:.2f}"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
