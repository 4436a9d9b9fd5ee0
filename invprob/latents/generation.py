"""Pictures drawn from a generator, or through it from a prior, and a sheet of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.diffusion import samplers
from invprob.diffusion.params import SamplerParams
from invprob.generator import Generator
from invprob.io import images
from invprob.io.chunked import Cut
from invprob.latents import stages
from invprob.prior import Score

GAP = 2
SHEET = 256
"""The most pictures that a sheet shows."""


Make = Callable[[Sequence[int]], Tensor]
"""Makes the pictures (B, C, H, W) of some numbers; each depends on its own number alone."""


def of_generator(generator: Generator, seed: int, device: torch.device) -> Make:
    """Make pictures of the generator's own distribution.

    Args:
        generator: The generator.
        seed: The seed; picture i depends on it and i alone.
        device: Where they are computed.

    Returns:
        A function from numbers of pictures to pictures (B, C, H, W).
    """

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
    """Make pictures of latents that the prior of a stage draws.

    Args:
        generator: The generator.
        prior: The score prior of the stage.
        stage: The stage, from 0 to the depth.
        seed: The seed; picture i depends on it and i alone.
        params: The sampler and its steps.
        hot: The diffusion time in (0, 1] to which a latent that the generator induces is noised
            first; None: begin with noise at t = 1.

    Returns:
        A function from numbers of pictures to pictures (B, C, H, W).

    Raises:
        BadParams: If the prior does not know so little noise as at `hot`.
    """
    if hot is not None:
        prior.check_time(hot, "hot")

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


@dataclass(frozen=True)
class Drawing:
    """Pictures that are drawn into a folder, some at a time.

    Attributes:
        out: The folder.
        make: What makes them.
        cut: How many, and how many at a time.
    """

    out: Path
    make: Make
    cut: Cut

    def path(self, i: int) -> Path:
        """Tell where a picture lies.

        Args:
            i: Its number, from 0.

        Returns:
            A file.
        """
        return self.out / f"{i:0{max(4, len(str(self.cut.total - 1)))}d}.png"

    def is_finished(self, k: int) -> bool:
        """Say whether the last picture of a chunk, which is written last, is there.

        Args:
            k: Its number, from 0.

        Returns:
            True if it is.
        """
        return self.path(self.cut.numbers(k)[-1]).is_file()

    @torch.no_grad()
    def solve(self, k: int) -> None:
        """Draw the pictures of a chunk.

        Args:
            k: Its number, from 0.
        """
        numbers = self.cut.numbers(k)
        for i, picture in zip(numbers, self.make(numbers).clamp(0, 1).cpu(), strict=True):
            images.write_png(self.path(i), picture)

    def write_sheet(self) -> Path:
        """Write the first pictures side by side, as files have them.

        Returns:
            The file.
        """
        shown = range(min(self.cut.total, SHEET))
        write_sheet(self.out / "sheet.png", [images.read(self.path(i), None) for i in shown])
        return self.out / "sheet.png"


def write_sheet(path: Path, pictures: Sequence[Tensor]) -> None:
    """Write the first pictures side by side on white, in a grid about as wide as high.

    Args:
        path: The file, a PNG.
        pictures: The pictures, (C, H, W) each.
    """
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
