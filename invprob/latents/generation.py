"""Pictures drawn from a generator, or through it from a prior, and a sheet of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.diffusion import samplers
from invprob.diffusion.params import SamplerParams
from invprob.generator import Generator
from invprob.io import images
from invprob.latents import stages
from invprob.prior import Score

GAP = 2
SHEET = 256
"""The most pictures that a sheet shows."""


Make = Callable[[Sequence[int]], Tensor]
"""Makes the pictures (B, C, H, W) of some numbers; each depends on its own number alone."""


def of_generator(generator: Generator, seed: int, device: torch.device) -> Make:
    """Pictures of the generator's own distribution."""

    def make(numbers: Sequence[int]) -> Tensor:
        x = tree.cat([generator.sample(1, seeds.stream(seed, "sample", i)) for i in numbers])
        picture: Tensor = generator(tree.map(lambda leaf: leaf.to(device), x))
        return picture

    return make


def of_prior(
    generator: Generator,
    prior: Score,
    stage: int,
    seed: int,
    params: SamplerParams,
    hot: float | None = None,
) -> Make:
    """Pictures of latents that the prior of a stage draws, from noise at t = 1, or, hot, from a
    latent that the generator induces, noised to time `hot`."""

    def make(numbers: Sequence[int]) -> Tensor:
        keys = [seeds.key(seed, "sample", i) for i in numbers]
        like = prior.normalise(stages.draws(generator, stage, keys, "hot"))
        if hot is None:
            u = samplers.reverse(prior, samplers.cold(prior, like, keys), keys, params)
        else:
            u = samplers.reverse(prior, samplers.hot(prior, like, hot, keys), keys, params, hot)
        picture: Tensor = generator(prior.restore(u), start=stage)
        return picture

    return make


@torch.no_grad()
def draw(make: Make, count: int, out: Path, batch: int = 1) -> Iterator[Tensor]:
    """Write picture after picture, and yield it."""
    width = max(4, len(str(count - 1)))
    for first in range(0, count, batch):
        numbers = range(first, min(first + batch, count))
        for i, picture in zip(numbers, make(numbers).clamp(0, 1).cpu(), strict=True):
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


def write_rows(path: Path, lines: Sequence[Tensor]) -> None:
    """Batches (B, C, H, W) as the lines of a sheet, so that a column shows one picture's states."""
    count, channels, height, width = lines[0].shape
    size = (len(lines) * (height + GAP) - GAP, count * (width + GAP) - GAP)
    sheet = torch.ones((channels, *size))
    for line, pictures in enumerate(lines):
        for column, picture in enumerate(pictures):
            top, left = line * (height + GAP), column * (width + GAP)
            sheet[:, top : top + height, left : left + width] = picture
    images.write_png(path, sheet)
