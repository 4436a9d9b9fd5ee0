"""Train the models of a domain on a machine that is lent for minutes, a GPU at best.

    python benchmarks/recipes/gpu.py generator faces.zip --out OUT --minutes 9
    python benchmarks/recipes/gpu.py diffusion faces.zip --out OUT --minutes 9

It measures images per second of networks from large to small and takes the largest that can see
`--thousands` of images in the minutes; then it trains until they are over. Weights go to OUT every
minute, in pieces of at most 15 MiB (`cat NAME.part-* > NAME` joins them), and so does the
checkpoint at the end: put back into OUT/work it is taken up. With `--render N --facekit FILE` it
first renders N faces on all processors into the zip.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from invprob.trainer import TrainingProgress

PIECE = 15 * 2**20
FIRST_SEED = 100_000
SIZES: dict[str, list[dict[str, Any]]] = {
    "generator": [
        {"channel_base": 16384, "channel_max": 512, "z_dim": 512, "w_dim": 512},
        {"channel_base": 8192, "channel_max": 256, "z_dim": 256, "w_dim": 256},
        {"channel_base": 4096, "channel_max": 192, "z_dim": 256, "w_dim": 256},
        {"channel_base": 2048, "channel_max": 128, "z_dim": 128, "w_dim": 128},
        {"channel_base": 256, "channel_max": 16, "z_dim": 16, "w_dim": 16, "batch": 32},
    ],
    "diffusion": [
        {"channels": [128, 256, 384, 512], "layers": 2, "batch": 64},
        {"channels": [96, 192, 256, 320], "layers": 2, "batch": 32},
        {"channels": [48, 96, 128, 160], "layers": 1, "batch": 16},
        {"channels": [16], "layers": 1, "batch": 64},
    ],
}
"""Networks from large to small, the last for a smoke test on a CPU."""


def records(part: str, source: Path, out: Path, settings: dict[str, Any]) -> Any:
    """The records of one of the trainers."""
    if part == "generator":
        from invprob_sgilo.stylegan2.training import params, train

        return train.train(params.GeneratorTraining.parse(settings, part), source, out)
    from invprob_dps import params as dps_params
    from invprob_dps.training import train as dps_train

    return dps_train.train(dps_params.DiffusionTraining.parse(settings, part), source, out)


def rate(part: str, source: Path, work: Path, settings: dict[str, Any]) -> float:
    """Images per second after the first ten steps."""
    running = records(part, source, work, settings)
    seen, began = [], 0.0
    for record in islice(running, 3):
        seen.append(record.step)
        began = began or time.monotonic()
    seconds = time.monotonic() - began
    running.close()
    return float((seen[-1] - seen[0]) / max(seconds, 1e-6))


def render(count: int, facekit: Path, target: Path) -> None:
    """`count` faces into a zip, on all processors."""
    workers = os.cpu_count() or 1
    each = -(-count // workers)
    script = Path(__file__).parent / "faces64" / "render_faces.py"
    parts = [target.with_name(f"{target.stem}-{i}.zip") for i in range(workers)]
    running = []
    for i, part in enumerate(parts):
        seeds = map(str, seeds_of(i, each))
        command = [sys.executable, script.name, *seeds, part.resolve()]
        command += ["--facekit", facekit.resolve()]
        alone = {**os.environ, "OMP_NUM_THREADS": "1"}
        running.append(subprocess.Popen(command, cwd=script.parent, env=alone))
    failed = [process.args for process in running if process.wait() != 0]
    if failed:
        sys.exit(f"error: {len(failed)} renderers failed")
    with zipfile.ZipFile(target, "w") as whole:
        for part in parts:
            with zipfile.ZipFile(part) as archive:
                for name in archive.namelist():
                    whole.writestr(name, archive.read(name))
            part.unlink()


def seeds_of(i: int, each: int) -> tuple[int, int]:
    """The first seed of a worker, and one more than its last."""
    return FIRST_SEED + i * each, FIRST_SEED + (i + 1) * each


def few(pictures: Path, out: Path, most: int = 64) -> Path:
    """A zip of some of the pictures, which is decoded in no time."""
    from invprob.io import image_dataset, images

    target = out / "few"
    target.mkdir(exist_ok=True)
    if pictures.suffix == ".zip":
        with zipfile.ZipFile(pictures) as archive:
            for name in archive.namelist()[:most]:
                (target / Path(name).name).write_bytes(archive.read(name))
    else:
        for i, image in enumerate(image_dataset.read(pictures, 3)[0][:most]):
            images.write_png(target / f"{i:03d}.png", image.float() / 255)
    return target


def deliver(work: Path, out: Path, patterns: tuple[str, ...]) -> None:
    """Copy files to where they are fetched from, large ones in pieces."""
    for pattern in patterns:
        for file in sorted(work.glob(pattern)):
            data = file.read_bytes()
            if len(data) <= PIECE:
                (out / file.name).write_bytes(data)
                continue
            for i, first in enumerate(range(0, len(data), PIECE)):
                piece = out / f"{file.name}.part-{i:03d}"
                piece.write_bytes(data[first : first + PIECE])


def until(running: Iterator[TrainingProgress], deadline: float, work: Path, out: Path) -> None:
    """Train until the deadline; the newest weights go to `out` every minute."""
    delivered = time.monotonic()
    for record in running:
        if record.picture or time.monotonic() - delivered > 60:
            figures = {name: round(value, 3) for name, value in record.figures.items()}
            print(f"{record.step} {record.unit}s, {figures}", flush=True)
            deliver(work, out, ("*.safetensors", "*.png"))
            delivered = time.monotonic()
        if time.monotonic() > deadline:
            break
    running.close()  # type: ignore[attr-defined]


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=sorted(SIZES))
    parser.add_argument("pictures", type=Path, help="a folder or zip of square pictures")
    parser.add_argument("--out", type=Path, required=True, help="an empty folder for the weights")
    parser.add_argument("--minutes", type=float, default=9.0, help="all minutes there are (9)")
    parser.add_argument("--thousands", type=float, default=1000.0, help="images to be seen (1000)")
    parser.add_argument("--smoke", action="store_true", help="try the script: smallest network")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--render", type=int, default=0, help="faces to render first")
    parser.add_argument("--facekit", type=Path, help="ict_facekit_f16.npz, to render with")
    args = parser.parse_args(argv)
    # a fifteenth is kept for the checkpoint and the copies
    deadline = time.monotonic() + 56 * args.minutes
    args.out.mkdir(parents=True, exist_ok=True)
    work = args.out / "work"
    if args.render:
        if args.facekit is None:
            sys.exit("error: --render needs --facekit ict_facekit_f16.npz")
        render(args.render, args.facekit, args.pictures)
    asked: dict[str, Any] = dict(pair.split("=", 1) for pair in args.set)
    common = {"snapshot_kimg": 10**6, "kimg": 10**6, "held_out": 0.04}
    small = few(args.pictures, args.out)
    settings, speed = {}, 0.0
    for size in SIZES[args.part][-1 if args.smoke else 0 :]:
        settings = {**common, **size, **asked}
        trial = args.out / f"trial-{len(settings)}-{next(iter(size.values()))}"
        try:
            speed = rate(args.part, small, trial, settings)
        except RuntimeError as error:  # the GPU's memory
            print(f"{size}: {error}", flush=True)
            continue
        left = deadline - time.monotonic()
        print(
            f"{size}: {speed:.0f} a second, {speed * left / 1000:.0f} thousand in all", flush=True
        )
        if speed * left >= 1000 * args.thousands:
            break
    # the step size falls towards the end, which must therefore be known
    shown = 0.85 * speed * (deadline - time.monotonic())
    settings["kimg"] = max(1, int(shown / 1000))
    settings["snapshot_kimg"] = max(1, int(speed * 60 / 1000))
    until(records(args.part, args.pictures, work, settings), deadline, work, args.out)
    deliver(work, args.out, ("*.safetensors", "*.png", "best/*/*", "checkpoint.pt"))


if __name__ == "__main__":
    main()
