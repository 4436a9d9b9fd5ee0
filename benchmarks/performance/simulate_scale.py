"""Ten thousand pictures, four workers, and workers that are killed: what one costs, what is lost.

    python benchmarks/performance/simulate_scale.py [--pictures 10000] [--workers 4] [--kills 20]

The solver is cheap, one draw of a posterior that is known, so that most of the time is that of the
machinery. The workers are those of a dask `LocalCluster` in this process. Evenly over the run one
of them, chosen at random, gets SIGKILL, and dask starts another. All figures but the last are
seconds of a core, so that other processes do not matter. Scheduling is what this process and the
command spend beside the workers. The pictures of the first chunks are compared with those of a
run without workers.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

SIZE, SAMPLES, ROWS, COMPARED = 64, 4, 32, 32
SOLVE = f"solve --solver gaussian:draws=1 --operator inpaint:keep=0.1 --samples {SAMPLES} -q"
RESULTS = ("mean", "std", "restored", "measurement")


@dataclass(frozen=True)
class Cost:
    """Seconds of a core and of the clock.

    Attributes:
        scheduling: Of the command and the scheduler of dask.
        workers: Of all workers.
        wall: From the start of the command to its end.
        kills: How many workers were killed.
    """

    scheduling: float
    workers: float
    wall: float
    kills: int


def photos(place: Path, count: int) -> Path:
    """Write small pictures, no two alike."""
    place.mkdir(parents=True)
    for i in range(count):
        shade = (i % 256, i // 256 % 256, 128)
        Image.new("RGB", (SIZE, SIZE), shade).save(place / f"{i:06d}.png")
    return place


def command(pictures: Path, out: Path, *more: str) -> list[str]:
    """The command line of a run."""
    line = [*SOLVE.split(), str(pictures), "--batch", str(ROWS), "--out", str(out), *more]
    return [sys.executable, "-m", "invprob", *line]


def simulate(pictures: Path, out: Path, count: int, workers: int, kills: int) -> Cost:
    """Solve all pictures while workers are killed."""
    from distributed import LocalCluster

    before, own = resource.getrusage(resource.RUSAGE_CHILDREN), time.process_time()
    started, rng, killed = time.monotonic(), random.Random(0), 0
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        line = command(pictures, out, "--scheduler", cluster.scheduler_address)
        process = subprocess.Popen(line)
        due = kill_times(count, kills)
        upcoming = next(due, None)
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            time.sleep(1)
            if upcoming is not None and finished(out) >= upcoming:
                killed += kill_one(cluster, rng)
                upcoming = next(due, None)
        wall, driver = time.monotonic() - started, ended[2]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended[1] != 0:
        raise SystemExit(f"the command ended with status {os.waitstatus_to_exitcode(ended[1])}")
    scheduling = driver.ru_utime + driver.ru_stime + time.process_time() - own
    children = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(scheduling, children - driver.ru_utime - driver.ru_stime, wall, killed)


def kill_times(count: int, kills: int) -> Iterator[int]:
    """After how many finished pictures workers are killed."""
    return ((k + 1) * count // (kills + 1) for k in range(kills))


def finished(out: Path) -> int:
    """How many pictures are finished, about."""
    return sum(1 for _ in out.glob("chunks/*/done.json")) * (ROWS // SAMPLES)


def kill_one(cluster: Any, rng: random.Random) -> int:
    """Kill a worker that is alive; how many were."""
    alive = [nanny.pid for nanny in cluster.workers.values() if nanny.pid is not None]
    for pid in rng.sample(alive, min(1, len(alive))):
        os.kill(pid, signal.SIGKILL)
        return 1
    return 0


def lost(pictures: Path, out: Path) -> int:
    """How many pictures lack a result or a line in the table."""
    names = {path.stem for path in pictures.iterdir()}
    for place in RESULTS:
        names &= {path.stem for path in (out / place).iterdir()}
    table = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    names &= {row["image"] for row in table["images"] if row.get("psnr_mean") is not None}
    return len(list(pictures.iterdir())) - len(names)


def differing(pictures: Path, out: Path, place: Path) -> int:
    """How many of the first pictures come out otherwise without workers."""
    subprocess.run(command(pictures, place, "--limit", str(COMPARED)), check=True)
    pairs = ((path, out / "mean" / path.name) for path in (place / "mean").iterdir())
    return sum(one.read_bytes() != other.read_bytes() for one, other in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=20)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    place = Path(tempfile.mkdtemp(prefix="invprob-scale-"))
    try:
        given, out = photos(place / "photos", args.pictures), place / "out"
        cost = simulate(given, out, args.pictures, args.workers, args.kills)
        other = differing(given, out, place / "alone")
        print("| pictures | workers | killed | scheduling a picture | workers a picture | all |"
              " lost | other results | clock |")  # fmt: skip
        print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
        each, work = (1000 * part / args.pictures for part in (cost.scheduling, cost.workers))
        print(f"| {args.pictures:,} | {args.workers} | {cost.kills} | {each:.1f} ms | {work:.0f} ms"
              f" | {cost.scheduling + cost.workers:.0f} s | {lost(given, out)} |"
              f" {other} of {min(COMPARED, args.pictures)} | {cost.wall:.0f} s |")  # fmt: skip
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
