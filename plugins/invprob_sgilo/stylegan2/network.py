"""StyleGAN-2 as a generator in stages (Karras et al., 2020, arXiv:1912.04958).

    x_0  input code z and all noise maps
    x_1  a style code per layer, and all noise maps          (the mapping network)
    x_2  features and image after the 4×4 block, and the codes and noise maps not yet used
    x_3  the same after the 8×8 block, and so on; the last stage returns the image

With `gaussianise`, x_1 and later hold codes v in the form of gaussian_codes.py instead of w, as the
published ILO and SGILO do.

The picture is a sum of RGB skips, so a latent carries the image so far. The published ILO and SGILO
code drops it whenever it restarts at a stage; `carry_rgb=False` does the same.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from invprob.generator import Generator, Latent
from invprob_sgilo.stylegan2 import gaussian_codes
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


@dataclass(frozen=True)
class Code(Latent):
    """x_0: z is (B, zdim); noise maps are (B, 1, h, w), one per convolution."""

    z: Tensor
    noise: tuple[Tensor, ...]


@dataclass(frozen=True)
class Carry(Latent):
    """x_k: unused codes w (B, L, wdim) and noise maps; features h (B, C, h, w) and the image so
    far rgb (B, channels, h, w) in [−1, 1], both absent at stage 1."""

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
        """Feature channels at a resolution: channel_base / resolution, at most channel_max."""
        return min(self.channel_base // resolution, self.channel_max)

    @property
    def resolutions(self) -> list[int]:
        return [2**k for k in range(2, int(math.log2(self.resolution)) + 1)]


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


class StyleGAN2(Generator):
    """The generator; images are (B, channels, R, R), nominally in [0, 1], not clamped."""

    latents = (Code, Carry)
    assumed: str = ""
    """What its file does not say, in words."""
    w_mean: Tensor
    code_mean: Tensor | None
    code_std: Tensor | None

    def __init__(self, arch: Architecture, seed: int = 0) -> None:
        super().__init__()
        if arch.resolution not in [2**k for k in range(5, 11)] or arch.channels not in (1, 3):
            raise ValueError(f"no StyleGAN-2 of {arch.resolution} pixels, {arch.channels} channels")
        rng = torch.Generator().manual_seed(seed)
        self.arch = arch
        self.truncation = 1.0
        self.carry_rgb = True
        self.fixed_noise = False
        self.recompute = False
        self.dtype = torch.float32
        self.source: Path | None = None
        self.image_shape = (arch.channels, arch.resolution, arch.resolution)
        self.codes = 2 * len(arch.resolutions)
        self.depth = 1 + len(arch.resolutions)
        self.mapping = Mapping(arch, rng)
        self.blocks = nn.ModuleList(Block(arch, r, rng) for r in arch.resolutions)
        self.register_buffer("w_mean", torch.zeros(arch.w_dim))
        self.register_buffer("code_mean", None)
        self.register_buffer("code_std", None)
        for i, shape in enumerate(self.noise_shapes() if arch.noise_maps else ()):
            self.register_buffer(f"noise_{i}", torch.zeros(shape))

    def gaussianise(self, mean: Tensor, std: Tensor) -> None:
        """Let latents hold Gaussian codes with these moments, each (w_dim,), instead of w."""
        self.register_buffer("code_mean", mean.to(self.w_mean), persistent=False)
        self.register_buffer("code_std", std.to(self.w_mean), persistent=False)

    @property
    def gaussian(self) -> bool:
        """Whether latents hold Gaussian codes."""
        return self.code_mean is not None

    def noise_shapes(self) -> list[tuple[int, int, int]]:
        """The shape (1, h, w) of each noise map, in the order of use."""
        layers = [r for res in self.arch.resolutions for r in ([res] if res == 4 else [res, res])]
        return [(1, r, r) for r in layers]

    def draw_input(self, batch: int, rng: torch.Generator) -> Tensor:
        """Standard normal input codes z, (batch, z_dim), on the generator's device."""
        return torch.randn(batch, self.arch.z_dim, generator=rng).to(self.w_mean)

    def draw_noise(self, batch: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Standard normal noise maps on the generator's device, or those that came with it."""
        shapes = self.noise_shapes()
        if self.fixed_noise:
            stored = [self.get_buffer(f"noise_{i}") for i in range(len(shapes))]
            return tuple(map_.repeat(batch, 1, 1, 1) for map_ in stored)
        return tuple(torch.randn(batch, *s, generator=rng).to(self.w_mean) for s in shapes)

    def sample(self, batch: int, rng: torch.Generator) -> Code:
        return Code(self.draw_input(batch, rng), self.draw_noise(batch, rng))

    def stage(self, k: int, x: Any) -> Any:
        if not 1 <= k <= self.depth:
            raise ValueError(f"stage {k} of a generator of depth {self.depth}")
        if k == 1:
            w = self.mapping(x.z)
            w = self.w_mean + self.truncation * (w - self.w_mean)
            if self.code_mean is not None and self.code_std is not None:
                w = gaussian_codes.codes(w, self.code_mean, self.code_std)
            return Carry(w=w[:, None].repeat(1, self.codes, 1), noise=x.noise)
        device, dtype = self.w_mean.device.type, self.dtype
        if dtype == torch.float16 and 2**k < (self.arch.half_from or math.inf):
            dtype = torch.float32
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            out = self._block(k - 2, self._styled(x))
        out = replace(out, w=x.w[:, -out.w.shape[1] :])
        if k < self.depth:
            return out
        assert out.rgb is not None
        return (out.rgb + 1) / 2

    def _block(self, i: int, x: Carry) -> Carry:
        if self.recompute and torch.is_grad_enabled():
            out = checkpoint(self.blocks[i], x, use_reentrant=False, preserve_rng_state=False)
        else:
            out = self.blocks[i](x)
        assert isinstance(out, Carry)
        return out

    def _styled(self, x: Carry) -> Carry:
        """x with style codes w, whatever form its codes have."""
        if self.code_mean is None or self.code_std is None:
            return x
        return replace(x, w=gaussian_codes.styles(x.w, self.code_mean, self.code_std))

    def forward(self, x: Any, start: int = 0, stop: int | None = None) -> Any:
        out = super().forward(x, start, stop)
        if isinstance(out, Carry) and out.h is not None:
            rgb = out.rgb if self.carry_rgb else None
            return replace(out, h=out.h.to(out.w.dtype), rgb=rgb)
        return out

    def synthesis(self, w: Tensor, noise: tuple[Tensor, ...]) -> Tensor:
        """The image of style codes (B, codes, w_dim) and noise maps."""
        image: Tensor = self(Carry(w=w, noise=noise), start=1)
        return image
