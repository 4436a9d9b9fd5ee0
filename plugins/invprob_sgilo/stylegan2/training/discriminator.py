"""The residual discriminator of StyleGAN-2 (Karras et al., 2020, arXiv:1912.04958)."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from invprob_sgilo.stylegan2.layers import LEAKY_GAIN, Conv, Linear, ResidualBlock, leaky
from invprob_sgilo.stylegan2.network import Architecture


class Discriminator(nn.Module):
    """(B, C, R, R) images in [−1, 1] ↦ logits (B,)."""

    def __init__(self, arch: Architecture, seed: int = 1, group: int = 4) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.group = group
        widths = [arch.width(r) for r in reversed(arch.resolutions)]
        self.from_rgb = Conv(arch.channels, widths[0], 1, rng)
        self.blocks = nn.ModuleList(ResidualBlock(a, b, rng) for a, b in itertools.pairwise(widths))
        self.conv = Conv(widths[-1] + 1, widths[-1], 3, rng)
        self.hidden = Linear(widths[-1] * 16, widths[-1], rng)
        self.out = Linear(widths[-1], 1, rng)

    def forward(self, image: Tensor) -> Tensor:
        x = leaky(self.from_rgb(image.contiguous(memory_format=torch.channels_last), LEAKY_GAIN))
        for block in self.blocks:
            x = block(x)
        x = torch.cat([x, minibatch_deviation(x, self.group).to(x.dtype)], 1)
        x = leaky(self.conv(x, LEAKY_GAIN)).float()
        logits: Tensor = self.out(leaky(self.hidden(x.flatten(1), LEAKY_GAIN)))
        return logits[:, 0]


def minibatch_deviation(x: Tensor, group: int) -> Tensor:
    """The standard deviation over groups of the batch, averaged to one map, (B, 1, H, W)."""
    size = math.gcd(len(x), group)
    y = x.float().reshape(size, -1, *x.shape[1:])
    deviation = (y.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return deviation.repeat(size).reshape(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
