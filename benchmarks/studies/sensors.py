"""How far `pnp` is ahead of the decoded picture behind JPEG and behind two bits.

    python benchmarks/studies/sensors.py
    python benchmarks/studies/sensors.py --images FOLDER

The pictures are the bundled faces and a scene of shaded discs that hide each other, blurred as by a
lens: a model of photographs (Lee, Mumford, Huang, 2001, International Journal of Computer Vision
41). With `--images` they are the middles of pictures of your own. Nothing but the sensor degrades
them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

import invprob
from invprob import seeds
from invprob.analysis import metrics
from invprob.errors import BadInput
from invprob.io import collection
from invprob_basics import Blur

SENSORS = ("jpeg:quality=10", "quantize:bits=2")


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table per sensor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="Pictures of your own.")
    parser.add_argument("--size", type=int, default=96, help="Side of scene and middles.")
    parser.add_argument("--solver", default="pnp", help="What restores them.")
    given = parser.parse_args(arguments)
    for sensor in SENSORS:
        print(f"\n`{sensor}`, PSNR in dB\n\n| picture | decoded | restored | gain |")
        print("|---|---|---|---|")
        for name, x in pictures(given.images, given.size):
            found = invprob.solve(
                truth=x, operator=sensor, noise="none", solver=given.solver, num_samples=1
            )
            both = found.operator.observed(found.y), found.mean
            decoded, restored = (float(metrics.psnr(picture, x[None])) for picture in both)
            gain = restored - decoded
            print(f"| {name} | {decoded:.2f} | {restored:.2f} | {gain:+.2f} |", flush=True)


if __name__ == "__main__":
    main()
