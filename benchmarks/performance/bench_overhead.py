"""What a picture costs beside its solver: many small pictures, a solver that does next to nothing.

    python benchmarks/performance/bench_overhead.py [--pictures 1000] [--workers 2]

All are milliseconds of a core for each further picture: those of a run of many, less those of a run
of one chunk for each worker, so that starts of processes do not count. Without workers: the whole
command, which reads, measures, solves, judges and writes a picture. With workers: what the command
and the scheduler of dask spend beside them, and what they spend.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
from pathlib import Path

from simulate_scale import ROWS, SAMPLES, Cost, command, photos, simulate

CHUNK = ROWS // SAMPLES


def alone(pictures: Path, out: Path) -> float:
    """Seconds of a core that a command takes without workers."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command(pictures, out), check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    counts = (CHUNK * args.workers, args.pictures)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        given = [photos(place / f"photos-{count}", count) for count in counts]
        few, many = (alone(each, place / f"alone-{each.name}") for each in given)
        shared: list[Cost] = [
            simulate(each, place / f"shared-{each.name}", count, args.workers, 0)
            for each, count in zip(given, counts, strict=True)
        ]
    further = (counts[1] - counts[0]) / 1000
    scheduling = (shared[1].scheduling - shared[0].scheduling) / further
    workers = (shared[1].workers - shared[0].workers) / further
    print(f"{args.pictures} pictures, less {counts[0]}: CPU ms for each further picture")
    print(f"without workers: {(many - few) / further:.1f}")
    print(f"{args.workers} workers: {scheduling:.1f} to schedule, {workers:.1f} by the workers")


if __name__ == "__main__":
    main()
