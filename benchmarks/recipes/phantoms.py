"""Write phantoms of a head, for suites of tomography and magnetic resonance imaging.

    python benchmarks/recipes/phantoms.py benchmarks/studies/phantoms

A phantom is a sum of ellipses: that of Shepp and Logan (1974, IEEE Transactions on Nuclear Science
21) with the contrasts of Toft (1996, The Radon transform, Technical University of Denmark), whose
ellipses move, turn, grow and change their contrast a little, each by draws of the phantom's own
seed. The first one is left as it is. No picture of anybody is in them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from invprob import seeds
from invprob.io import images

# contrast, half axes across and down, centre to the right and up, turn in degrees
ELLIPSES = (
    (1.0, 0.69, 0.92, 0.0, 0.0, 0.0),
    (-0.8, 0.6624, 0.874, 0.0, -0.0184, 0.0),
    (-0.2, 0.11, 0.31, 0.22, 0.0, -18.0),
    (-0.2, 0.16, 0.41, -0.22, 0.0, 18.0),
    (0.1, 0.21, 0.25, 0.0, 0.35, 0.0),
    (0.1, 0.046, 0.046, 0.0, 0.1, 0.0),
    (0.1, 0.046, 0.046, 0.0, -0.1, 0.0),
    (0.1, 0.046, 0.023, -0.08, -0.605, 0.0),
    (0.1, 0.023, 0.023, 0.0, -0.606, 0.0),
    (0.1, 0.023, 0.046, 0.06, -0.605, 0.0),
)
SKULL = 2
"""So many ellipses are skull and brain, which keep their place and grow together."""
FINER = 4
"""Points along each side of a pixel, over which the phantom is averaged."""


def phantom(size: int, number: int) -> Tensor:
    """A phantom.

    Args:
        size: Its side in pixels.
        number: 0 for that of Shepp and Logan, others for variants.

    Returns:
        (1, size, size) in [0, 1].
    """
    place = (torch.arange(size * FINER) + 0.5) / (size * FINER) * 2 - 1
    up, right = torch.meshgrid(-place, place, indexing="ij")
    picture = torch.zeros_like(up)
    draws = 2 * torch.rand(len(ELLIPSES), 6, generator=seeds.stream("phantom", number)) - 1
    for k, (ellipse, u) in enumerate(zip(ELLIPSES, draws * (number > 0), strict=True)):
        contrast, across, down, x, y, turn = ellipse
        if k >= SKULL:
            contrast *= 1 + 0.5 * float(u[0])
            x, y, turn = x + 0.08 * float(u[1]), y + 0.08 * float(u[2]), turn + 20 * float(u[3])
        else:
            u = draws[0] * (number > 0)
        across, down = across * (1 + 0.1 * float(u[4])), down * (1 + 0.05 * float(u[5]))
        angle = torch.deg2rad(torch.tensor(turn))
        along = (right - x) * angle.cos() + (up - y) * angle.sin()
        beside = (up - y) * angle.cos() - (right - x) * angle.sin()
        picture += contrast * ((along / across).square() + (beside / down).square() <= 1)
    means = torch.nn.functional.avg_pool2d(picture[None], FINER)
    return means.clamp(0, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the phantoms as PNG."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=96, help="Side in pixels.")
    parser.add_argument("--count", type=int, default=8, help="How many.")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    for number in range(given.count):
        images.write_png(given.folder / f"phantom-{number}.png", phantom(given.size, number))


if __name__ == "__main__":
    main()
