"""What a picture costs beside its solver: many small pictures, a solver that does next to nothing.

    python benchmarks/performance/bench_overhead.py [--pictures 1000] [--workers 4]

The time of the whole command, less that of a run of one chunk, for each further picture.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

FEW = 8
SOLVE = "solve --solver csgm:steps=1,restarts=1 --operator identity --samples 4 --batch 32 -q"


def seconds(photos: Path, out: Path, count: int, workers: int | None) -> float:
    """The wall time of a command on the first `count` pictures."""
    line = [*SOLVE.split(), str(photos), "--limit", str(count), "--out", str(out)]
    line += [] if workers is None else ["--workers", str(workers)]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "invprob", *line], check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--workers", type=int)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        photos = Path(place) / "photos"
        photos.mkdir()
        for i in range(args.pictures):
            shade = (i % 256, i // 256 % 256, 128)
            Image.new("RGB", (64, 64), shade).save(photos / f"{i:06d}.png")
        few = seconds(photos, Path(place) / "few", FEW, args.workers)
        many = seconds(photos, Path(place) / "many", args.pictures, args.workers)
    each = 1000 * (many - few) / (args.pictures - FEW)
    print(f"{FEW} pictures {few:.1f} s, {args.pictures} pictures {many:.1f} s")
    print(f"{each:.1f} ms for each further picture, workers: {args.workers or 'none'}")


if __name__ == "__main__":
    main()
