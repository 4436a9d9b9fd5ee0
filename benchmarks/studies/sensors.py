"""How far `pnp` is ahead of the decoded picture behind JPEG and behind two bits.

    python benchmarks/studies/sensors.py
    python benchmarks/studies/sensors.py --images FOLDER --size 160 --csv FILE

The pictures are the bundled faces and a scene of shaded discs that hide each other, blurred as by a
lens: a model of photographs (Lee, Mumford, Huang, 2001, International Journal of Computer Vision
41). With `--images` they are the middles of pictures of your own. Nothing but the sensor degrades
them. `--csv FILE` keeps a row per picture, solver and size, and goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

import invprob
from invprob import seeds
from invprob.analysis import metrics
from invprob.bench import bootstrap
from invprob.errors import BadInput
from invprob.io import collection
from invprob_basics import Blur

SENSORS = ("jpeg:quality=10", "quantize:bits=2")
KEY = ("sensor", "solver", "size", "picture")
"""What a row of the file is known by."""

Found: TypeAlias = "dict[tuple[str, ...], tuple[float, float]]"
"""PSNR in dB as decoded and as restored, by `KEY`."""


def scene(size: int, discs: int = 60) -> Tensor:
    """A picture of discs in front of each other, the same one each time.

    Args:
        size: Its side in pixels.
        discs: How many there are.

    Returns:
        (3, size, size) in [0, 1].
    """
    rng = seeds.stream("scene")
    rows, columns = torch.meshgrid(*[torch.linspace(0, 1, size)] * 2, indexing="ij")
    picture = torch.full((3, size, size), 0.5)
    for _ in range(discs):
        u = torch.rand(9, generator=rng)
        # areas of equal share among radii from 0.08 to 0.5
        radius = 0.08 / (1 - u[0] * (1 - (0.08 / 0.5) ** 2)).sqrt()
        down, right = rows - u[1], columns - u[2]
        light = 0.1 + 0.8 * (0.6 * u[3] + 0.4 * u[4:7])
        shade = (u[7] - 0.5) * down + (u[8] - 0.5) * right
        inside = (down.square() + right.square()).sqrt() < radius
        picture = torch.where(inside, light[:, None, None] + shade, picture)
    lens = Blur(sigma=0.7, image_shape=(3, size, size))
    return lens(picture[None].clamp(0, 1))[0]


def pictures(images: Path | None, size: int) -> Iterator[tuple[str, Tensor]]:
    """Names and pictures (3, H, W): those of the study, or the middles of `images`."""
    if images is None:
        yield from ((f"face {k + 1}", face) for k, face in enumerate(invprob.datasets.faces(6)))
        yield "scene", scene(size)
        return
    for file in collection.gather([images]):
        picture = file.read(3)
        top, left = ((n - size) // 2 for n in picture.shape[1:])
        if min(top, left) < 0:
            raise BadInput(f"{file.name} has less than {size} pixels a side", "give --size")
        yield file.name, picture[:, top : top + size, left : left + size]


def gain(x: Tensor, sensor: str, solver: str) -> tuple[float, float]:
    """PSNR in dB of a picture (3, H, W) as decoded, and as restored."""
    found = invprob.solve(truth=x, operator=sensor, noise="none", solver=solver, num_samples=1)
    decoded, restored = found.operator.observed(found.y), found.mean
    return float(metrics.psnr(decoded, x[None])), float(metrics.psnr(restored, x[None]))


def kept(file: Path | None) -> Found:
    """What a file of earlier rows holds."""
    if file is None or not file.exists():
        return {}
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {
        tuple(row[name] for name in KEY): (float(row["decoded"]), float(row["restored"]))
        for row in rows
    }


def keep(file: Path, found: Found) -> None:
    """Write all rows, sensor by sensor."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow((*KEY, "decoded", "restored"))
        for key, both in sorted(found.items()):
            writer.writerow((*key, *(f"{value:.4f}" for value in both)))


def table(sensor: str, found: dict[str, tuple[float, float]]) -> str:
    """The table of a sensor: a row per picture, and their means with an interval of the gain."""
    lines = [
        f"\n`{sensor}`, PSNR in dB\n",
        "| picture | decoded | restored | gain |",
        "|---|---|---|---|",
    ]
    for name, (decoded, restored) in found.items():
        lines.append(f"| {name} | {decoded:.2f} | {restored:.2f} | {restored - decoded:+.2f} |")
    means = [sum(column) / len(found) for column in zip(*found.values(), strict=True)]
    ahead = bootstrap.estimate([restored - decoded for decoded, restored in found.values()])
    lines.append(f"| mean of {len(found)} | {means[0]:.2f} | {means[1]:.2f} | {ahead.signed(2)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table per sensor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="Pictures of your own.")
    parser.add_argument("--size", type=int, default=96, help="Side of scene and middles.")
    parser.add_argument("--solver", default="pnp", help="What restores them.")
    parser.add_argument("--csv", type=Path, help="A row per picture; those that it has stay.")
    given = parser.parse_args(arguments)
    found = kept(given.csv)
    for sensor in SENSORS:
        mine = {}
        for name, x in pictures(given.images, given.size):
            key = (sensor, given.solver, str(given.size), name)
            if key not in found:
                found[key] = gain(x, sensor, given.solver)
                if given.csv is not None:
                    keep(given.csv, found)
            mine[name] = found[key]
        print(table(sensor, mine), flush=True)


if __name__ == "__main__":
    main()
