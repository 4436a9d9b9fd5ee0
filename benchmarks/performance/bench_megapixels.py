"""The memory and the CPU time of solving one large photograph, by the command line.

python benchmarks/performance/bench_megapixels.py --width 4000 --height 3000
python benchmarks/performance/bench_megapixels.py --operator identity \\
    --noise gaussian:sigma=0.05 --solver tv:steps=2 --prior ""
python benchmarks/performance/bench_megapixels.py --operator identity \\
    --noise gaussian:sigma=0.05 --solver wavelet:steps=2,levels=3 --prior ""
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image


def photograph(width: int, height: int) -> Image.Image:
    """Draw a synthetic picture with edges and texture at several scales."""
    rng = np.random.default_rng(0)
    picture = np.zeros((height, width, 3), np.float32)
    for cells in (6, 40, 300):
        coarse = rng.random((cells * height // width + 2, cells, 3), np.float32)
        layer = Image.fromarray((255 * coarse).astype(np.uint8)).resize((width, height), 3)
        picture += np.asarray(layer, np.float32)
    return Image.fromarray((picture / 3).astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--height", type=int, default=3000)
    parser.add_argument("--operator", default="superres:factor=2")
    parser.add_argument("--noise", default="")
    parser.add_argument("--solver", default="pnp:steps=2")
    parser.add_argument("--prior", default="photo", help="that of the solver; empty: it has none")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "photograph.png"
        photograph(args.width, args.height).save(source, compress_level=1)
        command = [sys.executable, "-m", "invprob", "solve", str(source), "--samples", "1"]
        command += ["--operator", args.operator, "--solver", args.solver]
        command += ["--noise", args.noise] if args.noise else []
        command += ["--prior", args.prior] if args.prior else []
        command += ["--device", "cpu", "--out", f"{folder}/run"]
        subprocess.run(command, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    named = filter(None, (args.operator, args.solver, args.prior))
    print(f"{args.width}×{args.height}, {', '.join(named)}")
    print(
        f"peak memory {used.ru_maxrss / 2**20:.2f} GiB, {used.ru_utime + used.ru_stime:.0f} CPU s"
    )


if __name__ == "__main__":
    main()
