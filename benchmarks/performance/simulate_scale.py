"""Ten thousand pictures, four workers, and workers that are killed: what a picture costs, what is lost.

    python benchmarks/performance/simulate_scale.py [--pictures 10000] [--workers 4] [--kills 20]

The solver is cheap (one draw of a posterior that is known), so that the time is that of the
machinery. A dask scheduler and its workers run on this machine; every few seconds one of them gets
SIGKILL and another takes its place. Seconds are CPU seconds of the processes, whose pictures are
counted; those of killed workers and of the command are part of them.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

SOLVER = "gaussian:draws=1"
SIZE = 64
RESULTS = ("mean", "std", "samples", "restored", "measurement")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pause", type=float, default=5.0, help="seconds between two kills")
    parser.add_argument("--out", type=Path, help="keep the run folder here")
    args = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="invprob-scale-"))
    try:
        _report(args, simulate(args, place / "photos", args.out or place / "out"))
    finally:
        shutil.rmtree(place)
