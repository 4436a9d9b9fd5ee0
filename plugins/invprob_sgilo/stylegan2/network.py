"""The networks of StyleGAN-2 and the latents between them (Karras et al., 2020, arXiv:1912.04958).

`invprob_sgilo.stylegan2.generator` puts them together.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from invprob.errors import BadParams
from invprob.generator import Latent
from invprob_sgilo.stylegan2 import fused, kernels
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
        self.compiled = False
        self._laid_out: tuple[object, fused.Weights] | None = None
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
            h, rgb = self._convolved(h, x.rgb, x.w, x.noise[0])
            return Carry(w=x.w[:, 1:], noise=x.noise[1:], h=h, rgb=rgb)
        assert x.h is not None
        w, noise = x.w[:, :3], x.noise[:2]
        if (fixed := self._fixed(x.h, w, *noise)) is not None:
            rgb = (
                x.h.new_zeros(len(x.h), len(fixed.rgb), *x.h.shape[2:]) if x.rgb is None else x.rgb
            )
            h, rgb = fused.block(x.h, rgb, w, (noise[0], noise[1]), fixed, self._plain)
        else:
            h, rgb = self._plain(x.h, x.rgb, w, *noise)
        return Carry(w=x.w[:, 2:], noise=x.noise[2:], h=h, rgb=rgb)

    def _plain(
        self, h: Tensor, rgb: Tensor | None, w: Tensor, first: Tensor, second: Tensor
    ) -> tuple[Tensor, Tensor]:
        assert self.up is not None
        return self._convolved(self.up(h, w[:, 0], first), rgb, w[:, 1:], second)

    def _convolved(
        self, h: Tensor, rgb: Tensor | None, w: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        h = self.conv(h.contiguous(memory_format=torch.channels_last), w[:, 0], noise)
        added = self.to_rgb(h, w[:, 1])
        return h, added if rgb is None else added + upsampled(rgb, self.fir)

    def _fixed(self, *inputs: Tensor) -> fused.Weights | None:
        """The weights as kernels want them; None where the kernels do not serve."""
        if not self.compiled or self.up is None or not fused.fits(*inputs):
            return None
        own = tuple(self.parameters())
        if any(p.requires_grad or p.is_inference() for p in own) or not fused.fits(*own):
            return None
        state = tuple((p.data_ptr(), p._version) for p in own)
        if self._laid_out is None or self._laid_out[0] != state:
            layers = (self.up, self.conv)
            up, conv = (fused.Convolution.of(la.conv, la.bias, la.strength) for la in layers)
            self._laid_out = state, fused.Weights.of(up, conv, self.to_rgb)
        return self._laid_out[1]


def use_kernels(
    blocks: nn.ModuleList,
    wish: Literal["torch", "compiled", "auto"],
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> dict[str, str]:
    """Let blocks use compiled kernels where their weights are fixed.

    Args:
        blocks: The blocks of a generator.
        wish: Whether they do; ``"auto"``: if there is a C compiler, and channels fill the vectors.
        device: Where they compute; None: on the CPU, which alone has such kernels.
        dtype: In what, which the kernels do in single precision alone.

    Returns:
        What was chosen, for ``"auto"``.

    Raises:
        BadParams: If they are asked for and cannot be used.
    """
    if wish == "torch":
        return {}
    if dtype != torch.float32 or (device is not None and device.type != "cpu"):
        if wish == "compiled":
            raise BadParams(
                "kernels=compiled computes in float32 on a CPU", "leave kernels or precision out"
            )
        return {"kernels": "torch"}
    own = [block for block in blocks if isinstance(block, Block)]
    fitting = all(len(block.conv.bias) % kernels.LANES == 0 for block in own)
    if compiled := fitting and kernels.load() is not None:
        for block in own:
            block.compiled = True
    elif wish == "compiled":
        raise BadParams(
            f"kernels=compiled needs a C compiler and channels in multiples of {kernels.LANES}",
            "set CC to a compiler, or leave kernels out",
        )
    return {"kernels": "compiled" if compiled else "torch"} if wish == "auto" else {}


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
