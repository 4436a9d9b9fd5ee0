"""Pictures drawn from a generator, one by one, and a sheet of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from invprob import images, seeds, tree
from invprob.generator import Generator

GAP = 2
SHEET = 256
"""The most pictures that a sheet shows."""


def draw(
    generator: Generator, count: int, seed: int, device: torch.device, out: Path
) -> Iterator[Tensor]:
    """Write picture after picture and yield it; each comes from its own stream, in a batch of one,
    so that it does not depend on how many are drawn."""
    width = max(4, len(str(count - 1)))
    for i in range(count):
        with torch.no_grad():
            x = generator.sample(1, seeds.stream(seed, "sample", i))
            picture = generator(tree.map(lambda leaf: leaf.to(device), x))[0].clamp(0, 1).cpu()
        images.write_png(out / f"{i:0{width}d}.png", picture)
        yield picture


def write_sheet(path: Path, pictures: Sequence[Tensor]) -> None:
    """The first pictures side by side on white, in a grid about as wide as high."""
    pictures = pictures[:SHEET]
    channels, height, width = pictures[0].shape
    columns = math.ceil(math.sqrt(len(pictures)))
    lines = math.ceil(len(pictures) / columns)
    size = (lines * (height + GAP) - GAP, columns * (width + GAP) - GAP)
    sheet = torch.ones((channels, *size))
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        sheet[:, top : top + height, left : left + width] = picture
    images.write_png(path, sheet)
