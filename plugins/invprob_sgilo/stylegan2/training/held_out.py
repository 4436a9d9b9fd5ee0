"""What a training shows of its generator: samples, and their distance to held-out images."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob import seeds
from invprob.analysis.sliced_wasserstein import sliced_wasserstein
from invprob_sgilo.stylegan2.generator import StyleGAN2


@torch.no_grad()
def sample_sheet(G: StyleGAN2) -> Tensor:
    """A sheet of 8 × 8 pictures, of the same inputs at every call.

    Args:
        G: The generator.

    Returns:
        The sheet (C, 8R, 8R) in [0, 1].
    """
    rngs = [seeds.stream("snapshot", i) for i in range(64)]
    grid = torch.cat([G(G.sample(1, rng)) for rng in rngs]).clamp(0, 1).cpu()
    rows = grid.reshape(8, 8, *grid.shape[1:]).permute(2, 0, 3, 1, 4)
    return rows.flatten(3).flatten(1, 2)


@torch.no_grad()
def held_out_distance(G: StyleGAN2, held_out: Tensor, most: int = 512) -> float:
    """Mean sliced Wasserstein distance of samples to held-out images.

    Args:
        G: The generator.
        held_out: The images, (N, C, R, R) uint8.
        most: Of more images than this, so many are taken, evenly spread.

    Returns:
        The distance × 10³.
    """
    count = min(most, len(held_out))
    real = held_out[torch.arange(count) * len(held_out) // count].float() / 127.5 - 1
    parts = []
    for start in range(0, len(real), 32):
        size = min(32, len(real) - start)
        parts.append(G(G.sample(size, seeds.stream("held-out", start))).clamp(0, 1) * 2 - 1)
    return sliced_wasserstein(torch.cat(parts).cpu(), real)["mean"]
