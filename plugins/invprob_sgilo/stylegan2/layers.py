"""Layers of StyleGAN-2 (Karras et al., 2020, arXiv:1912.04958), in plain PyTorch.

Modulation scales the input channels by the style and the output channels by the demodulation
coefficients around one convolution that the whole batch shares; the kernels are never repeated per
sample. Resampling uses the filter [1, 3, 3, 1].
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAKY_GAIN = math.sqrt(2)


def leaky(x: Tensor) -> Tensor:
    """LeakyReLU with slope 0.2, in place. Its gain √2 is folded into the layer before it."""
    return F.leaky_relu(x, 0.2, inplace=True)


def clamped(x: Tensor, limit: float | None) -> Tensor:
    """x cut to [−limit, limit]; None leaves it."""
    return x if limit is None else x.clamp(-limit, limit)


def in_half(x: Tensor) -> bool:
    """Whether convolutions of x are computed in float16, where 65504 is the largest number."""
    kind = x.device.type
    return torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) is torch.float16


def normal_parameter(*shape: int, rng: torch.Generator) -> nn.Parameter:
    """A parameter of standard normal numbers; equalised layers scale it when it is used."""
    return nn.Parameter(torch.randn(shape, generator=rng))


class Linear(nn.Module):
    """A linear layer with equalised learning rate (Karras et al., 2018, arXiv:1710.10196)."""

    def __init__(
        self, inputs: int, outputs: int, rng: torch.Generator, bias: float = 0.0, lr: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, generator=rng) / lr)
        self.bias = nn.Parameter(torch.full((outputs,), bias / lr))
        self.lr = lr

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        scale = gain * self.lr / math.sqrt(self.weight.shape[1])
        return F.linear(x, self.weight * scale, self.bias * (self.lr * gain))


class Conv(nn.Module):
    """An equalised convolution, optionally halving the size with the [1, 3, 3, 1] filter."""

    fir: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        rng: torch.Generator,
        down: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.weight = normal_parameter(outputs, inputs, kernel, kernel, rng=rng)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.down = down
        self.register_buffer("fir", fir_kernel(), persistent=False)

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """The convolution times `gain`, which costs nothing here."""
        weight = self.weight * (gain / math.sqrt(self.weight[0].numel()))
        bias = None if self.bias is None else self.bias * gain
        size = weight.shape[-1]
        if not self.down:
            return F.conv2d(x, weight, bias, padding=size // 2)
        return F.conv2d(filtered(x, self.fir, size // 2 + 1), weight, bias, stride=2)


class ResidualBlock(nn.Module):
    """Two convolutions, the second halving the size, beside a linear path."""

    def __init__(self, inputs: int, outputs: int, rng: torch.Generator) -> None:
        super().__init__()
        self.conv = Conv(inputs, inputs, 3, rng)
        self.down = Conv(inputs, outputs, 3, rng, down=True)
        self.skip = Conv(inputs, outputs, 1, rng, down=True, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        # the sum of two paths is divided by √2, which cancels the gain of the activation
        y = leaky(self.down(leaky(self.conv(x, LEAKY_GAIN))))
        out: Tensor = y + self.skip(x, 1 / LEAKY_GAIN)
        return out


class ModulatedConv(nn.Module):
    """A 3×3 convolution whose input channels are scaled by a style, demodulated.

    y_o = d_o · Σ_i w_oi ∗ (s_i x_i),   d_o = 1/√(Σ_i s_i² ‖w_oi‖² + ε),   ε = 10⁻⁸

    where w is the weight scaled by 1/√(its inputs). With `raw` ε is added before that scaling, as
    NVlabs' PyTorch code does.

    With `up` the input is first doubled in size: zeros are inserted, w is applied as a convolution
    and the filter [1, 3, 3, 1] (gain 4) smooths.
    """

    fir: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        style: int,
        rng: torch.Generator,
        up: bool,
        raw: bool = False,
    ) -> None:
        super().__init__()
        self.weight = normal_parameter(outputs, inputs, 3, 3, rng=rng)
        self.affine = Linear(style, inputs, rng, bias=1.0)
        self.up = up
        self.eps = 1e-8 / (9 * inputs if raw else 1)
        self.register_buffer("fir", fir_kernel() * 4, persistent=False)

    def forward(self, x: Tensor, w: Tensor, shift: Tensor, gain: float = 1.0) -> Tensor:
        """gain·y + shift, for x (B, inputs, H, W), style codes w (B, style) and a shift that
        broadcasts to y."""
        weight = self.weight * (1 / math.sqrt(self.weight[0].numel()))
        half = in_half(x)
        with torch.autocast(x.device.type, enabled=False):
            style = self.affine(w)
            eps: float | Tensor = self.eps
            if half:
                # demodulation divides a factor of the style out again; large ones overflow before
                largest = style.abs().amax(1, keepdim=True).clamp_min(1e-10)
                style, eps = style / largest, self.eps / largest.square()
            power = (style.to(weight.dtype) ** 2) @ (weight**2).sum((2, 3)).T
            factor = gain * (power + eps).rsqrt()
        x = x * style.to(x.dtype)[:, :, None, None]
        if self.up:
            x = filtered(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), self.fir, 1)
        else:
            x = F.conv2d(x, weight, padding=1)
        return torch.addcmul(shift.to(x.dtype), x, factor.to(x.dtype)[:, :, None, None])


class ToRGB(nn.Module):
    """A modulated 1×1 convolution without demodulation, and a bias.

    With so few outputs it is cheapest to give each sample its own kernel.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        style: int,
        rng: torch.Generator,
        limit: float | None = None,
    ) -> None:
        super().__init__()
        self.limit = limit
        self.weight = normal_parameter(channels, inputs, rng=rng)
        self.affine = Linear(style, inputs, rng, bias=1.0)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """(B, inputs, H, W) ↦ (B, channels, H, W), in the type of the weights."""
        with torch.autocast(x.device.type, enabled=False):
            scaled = self.weight * (1 / math.sqrt(self.weight.shape[1]))
            kernel = scaled * self.affine(w)[:, None]
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2) @ kernel.transpose(1, 2).to(x.dtype)
        image = pixels.transpose(1, 2).reshape(len(x), -1, *x.shape[2:])
        return clamped(image.to(self.bias.dtype) + self.bias[:, None, None], self.limit)


def fir_kernel() -> Tensor:
    """The separable filter [1, 3, 3, 1], of sum 1, shape (4, 4)."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    return torch.outer(taps, taps)


def filtered(x: Tensor, fir: Tensor, padding: int) -> Tensor:
    """Each channel of x (B, C, H, W) convolved with the symmetric filter `fir`."""
    channels = x.shape[1]
    kernel = fir.to(x.dtype).expand(channels, 1, *fir.shape)
    return F.conv2d(x, kernel, padding=padding, groups=channels)


def upsampled(image: Tensor, fir: Tensor) -> Tensor:
    """An image doubled in size: zeros inserted, then the filter; (B, C, H, W) → (B, C, 2H, 2W)."""
    channels = image.shape[1]
    kernel = fir.to(image.dtype).expand(channels, 1, *fir.shape)
    return F.conv_transpose2d(image, kernel, stride=2, padding=1, groups=channels)
