"""The networks of StyleGAN-2 and the latents between them (Karras et al., 2020, arXiv:1912.04958).

`invprob_sgilo.stylegan2.generator` puts them together.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from invprob.generator import Latent
from invprob_sgilo.stylegan2.layers import (
    LEAKY_GAIN,
    Linear,
    ModulatedConv,
    ToRGB,
    clamped,
    fir_kernel,
    leaky,
    upsampled,
)

# 16 bits as published are float16 in the blocks where the authors used it
PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "published": torch.float16,
}
VARIANTS = 64
"""Compiled forms of one function, of which torch keeps 8 by default and then compiles no more."""


@dataclass(frozen=True)
class Code(Latent):
    """x_0: z is (B, zdim); noise maps are (B, 1, h, w), one per convolution."""

    roles: ClassVar = {"z": "input", "noise": "noise"}

    z: Tensor
    noise: tuple[Tensor, ...]


@dataclass(frozen=True)
class Carry(Latent):
    """x_k: unused codes w (B, L, wdim) and noise maps; features h (B, C, h, w) and the image so
    far rgb (B, channels, h, w) in [−1, 1], both absent at stage 1."""

    roles: ClassVar = {"w": "codes", "noise": "noise", "h": "features", "rgb": "image"}

    w: Tensor
    noise: tuple[Tensor, ...]
    h: Tensor | None = None
    rgb: Tensor | None = None


@dataclass(frozen=True)
class Architecture:
    """What determines the shape of every weight, and what is done with it.

    Published networks may clamp activations and RGB to ±`conv_clamp`, add ε to the demodulation of
    weights that are not yet scaled (`raw_demodulation`), come with fixed noise maps, and compute in
    16 bits from the resolution `half_from` on.
    """

    resolution: int = 64
    channels: int = 3
    z_dim: int = 128
    w_dim: int = 128
    mapping_layers: int = 4
    channel_base: int = 4096
    channel_max: int = 128
    conv_clamp: float | None = None
    raw_demodulation: bool = False
    noise_maps: bool = False
    half_from: int | None = None

    def width(self, resolution: int) -> int:
        """Feature channels at a resolution: channel_base / resolution, at most channel_max.

        Args:
            resolution: The side of the features, in pixels.
        """
        return min(self.channel_base // resolution, self.channel_max)

    @property
    def resolutions(self) -> list[int]:
        """The side of each block's features: 4, 8, …, `resolution`."""
        return [2**k for k in range(2, int(math.log2(self.resolution)) + 1)]

    @property
    def noise_shapes(self) -> list[tuple[int, int, int]]:
        """The shape (1, h, w) of each noise map, in the order of use."""
        return [(1, r, r) for res in self.resolutions for r in ([res] if res == 4 else [res, res])]


class Mapping(nn.Module):
    """z ↦ w: normalise, then linear layers with a hundredth of the learning rate."""

    def __init__(self, arch: Architecture, rng: torch.Generator) -> None:
        super().__init__()
        sizes = [arch.z_dim] + [arch.w_dim] * arch.mapping_layers
        self.layers = nn.ModuleList(
            Linear(a, b, rng, lr=0.01) for a, b in itertools.pairwise(sizes)
        )

    def forward(self, z: Tensor) -> Tensor:
        w = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.layers:
            w = leaky(layer(w, LEAKY_GAIN))
        return w


class Layer(nn.Module):
    """Modulated convolution, noise of learned strength, bias, activation."""

    def __init__(
        self, arch: Architecture, inputs: int, outputs: int, rng: torch.Generator, up: bool
    ) -> None:
        super().__init__()
        self.limit = arch.conv_clamp
        self.conv = ModulatedConv(inputs, outputs, arch.w_dim, rng, up, arch.raw_demodulation)
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, h: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        h = self.conv(h, w, noise * (self.strength * LEAKY_GAIN), LEAKY_GAIN)
        bias = (self.bias * LEAKY_GAIN).to(h.dtype)
        return clamped(leaky(h.add_(bias[:, None, None])), self.limit)


class Block(nn.Module):
    """One resolution: convolutions and the RGB they add. Only the 4×4 block has no `up` layer."""

    fir: Tensor

    def __init__(self, arch: Architecture, resolution: int, rng: torch.Generator) -> None:
        super().__init__()
        width = arch.width(resolution)
        self.first = resolution == 4
        if self.first:
            self.const = nn.Parameter(torch.randn(1, width, 4, 4, generator=rng))
            self.up = None
        else:
            self.up = Layer(arch, arch.width(resolution // 2), width, rng, up=True)
        self.conv = Layer(arch, width, width, rng, up=False)
        self.to_rgb = ToRGB(width, arch.channels, arch.w_dim, rng, arch.conv_clamp)
        self.register_buffer("fir", fir_kernel() * 4, persistent=False)

    def forward(self, x: Carry) -> Carry:
        """Use up one code and noise map per convolution; the RGB reads the next code as well."""
        if self.up is None:
            h = self.const.expand(len(x.w), -1, -1, -1)
            used = 0
        else:
            assert x.h is not None
            h = self.up(x.h, x.w[:, 0], x.noise[0])
            used = 1
        h = h.contiguous(memory_format=torch.channels_last)
        h = self.conv(h, x.w[:, used], x.noise[used])
        used += 1
        rgb = self.to_rgb(h, x.w[:, used])
        if x.rgb is not None:
            rgb = rgb + upsampled(x.rgb, self.fir)
        return Carry(w=x.w[:, used:], noise=x.noise[used:], h=h, rgb=rgb)


def compile_blocks(blocks: nn.ModuleList) -> None:
    """Compile synthesis blocks in place (torch.compile); it takes effect at their first use.

    Args:
        blocks: The blocks of a generator.
    """
    from torch import _dynamo as dynamo

    # the blocks share one forward, compiled for each of them, with and without gradient
    dynamo.config.recompile_limit = max(dynamo.config.recompile_limit, VARIANTS)
    for block in blocks:
        block.compile()
