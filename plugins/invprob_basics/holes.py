"""The pixels that inpainting misses: at random, in a box, in a half, or under scratches."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from invprob import seeds
from invprob.errors import BadInput, BadParams
from invprob_basics.params import InpaintParams

WIDTHS = 1.5, 4.0
"""The least and the greatest width of a scratch, in pixels."""
BEND = 0.02
"""Standard deviation, in radians, of the turn of a scratch at a step of half a pixel."""


def measured(params: InpaintParams, size: tuple[int, int], seed: int) -> Tensor:
    """Which pixels `keep`, `box`, `half` or `scratches` measure.

    Args:
        params: Parameters without a mask.
        size: The size of an image, (H, W).
        seed: The seed of random pixels and scratches.

    Returns:
        Booleans (H, W).

    Raises:
        BadInput: If nothing is measured.
        BadParams: If the box is not within the image, or `keep` keeps nothing.
    """
    height, width = size
    if params.keep is not None:
        count = round(params.keep * height * width)
        if count == 0:
            raise BadParams(
                f"keep={params.keep:g} of {width}×{height} pixels keeps none",
                f"the least is {1 / (height * width):.2g}",
            )
        order = torch.randperm(height * width, generator=seeds.stream(seed, "inpaint"))
        mask = torch.zeros(height * width, dtype=torch.bool)
        mask[order[:count]] = True
        return mask.reshape(size)
    if params.scratches is not None:
        return some(~scratched(size, params.scratches, seed), "scratches leave")
    mask = torch.ones(size, dtype=torch.bool)
    if params.half is not None:
        middle = {"left": width, "right": width, "top": height, "bottom": height}[params.half] // 2
        part = slice(None, middle) if params.half in ("left", "top") else slice(middle, None)
        if params.half in ("left", "right"):
            mask[:, part] = False
        else:
            mask[part] = False
        return some(mask, "the other half has")
    assert params.box is not None
    h, w = map(int, params.box.split("x"))
    row, column = (height - h) // 2, (width - w) // 2
    if params.at is not None:
        row, column = map(int, params.at.split("x"))
    if h == 0 or w == 0 or row < 0 or column < 0 or row + h > height or column + w > width:
        raise BadParams(
            f"a box of {h}x{w} at row {row}, column {column} is not within {height}x{width} pixels",
            "make it smaller, or place it with at=ROWxCOLUMN",
        )
    mask[row : row + h, column : column + w] = False
    return some(mask, "the box leaves")


def scratched(size: tuple[int, int], count: int, seed: int) -> Tensor:
    """Draw scratches: bent lines of random width, between a fifth and four fifths of a side long.

    Args:
        size: The size of the image, (H, W).
        count: How many there are.
        seed: Their seed.

    Returns:
        Booleans (H, W), true under a scratch.
    """
    rng = seeds.stream(seed, "inpaint", "scratches")
    reach = torch.arange(-2, 4)
    offsets = torch.cartesian_prod(reach, reach)
    under = torch.zeros(size, dtype=torch.bool)
    for _ in range(count):
        u = torch.rand(5, generator=rng, dtype=torch.float64)
        steps = math.ceil(2 * min(size) * (0.2 + 0.6 * float(u[0])))
        turns = BEND * torch.randn(steps, generator=rng, dtype=torch.float64)
        angle = math.pi * u[1] + turns.cumsum(0)
        path = (
            u[2:4] * torch.tensor(size) + 0.5 * torch.stack([angle.sin(), angle.cos()]).cumsum(1).T
        )
        radius = (WIDTHS[0] + (WIDTHS[1] - WIDTHS[0]) * float(u[4])) / 2
        near = path[:, None].floor() + offsets
        hit = near[(near - path[:, None]).square().sum(2) <= radius**2].long()
        inside = ((hit >= 0) & (hit < torch.tensor(size))).all(1)
        under[tuple(hit[inside].T)] = True
    return under


def some(mask: Tensor, what: str) -> Tensor:
    """Refuse a mask that measures nothing.

    Args:
        mask: Booleans of any shape.
        what: The beginning of the message, with a verb.

    Returns:
        The mask.

    Raises:
        BadInput: If it is false everywhere.
    """
    if not bool(mask.any()):
        raise BadInput(f"{what} no measured pixel", "light pixels are measured, dark ones missing")
    return mask
