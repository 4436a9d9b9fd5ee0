"""Blur: every channel convolved with one kernel of sum 1; the size stays."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob.errors import BadInput, BadParams
from invprob.io import images
from invprob.io.arrays import read_array
from invprob.operator import LinearOperator
from invprob_basics.params import BlurParams
from invprob_basics.shapes import check_picture


class Blur(LinearOperator):
    """A(x) = k ∗ x, with the mirror image or the other side beyond the border.

    With a circular boundary the pseudo-inverse divides by the kernel's transfer function.
    """

    kernel: Tensor

    def __init__(self, params: BlurParams, in_shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        check_picture("blur", in_shape)
        kernel = kernel_of(params, in_shape)
        self.in_shape = self.out_shape = in_shape
        self.mode = params.boundary
        self.margin = (kernel.shape[0] // 2, kernel.shape[1] // 2)
        self.register_buffer("kernel", kernel)

    def forward(self, x: Tensor) -> Tensor:
        down, right = self.margin
        padded = F.pad(x, (right, right, down, down), mode=self.mode)
        # a convolution: conv2d correlates, so the kernel is turned round
        kernel = self.kernel.to(x.dtype).flip(0, 1).expand(x.shape[1], 1, -1, -1)
        return F.conv2d(padded, kernel, groups=x.shape[1])

    def pinv(self, y: Tensor) -> Tensor:
        if self.mode != "circular":
            return super().pinv(y)
        _, height, width = self.in_shape
        down, right = self.margin
        centred = y.new_zeros(height, width)
        for row, line in enumerate(self.kernel.to(y.dtype)):
            for column, value in enumerate(line):
                centred[(row - down) % height, (column - right) % width] += value
        transfer = torch.fft.fft2(centred)
        kept = transfer.abs() > 1e-6
        inverse = torch.where(kept, 1 / torch.where(kept, transfer, 1), 0)
        x: Tensor = torch.fft.ifft2(torch.fft.fft2(y) * inverse).real
        return x


def kernel_of(params: BlurParams, in_shape: tuple[int, int, int]) -> Tensor:
    """The kernel, odd in both sizes, of sum 1, float64; one too large is refused, not made."""
    if params.sigma is not None:
        _check_reach(_gaussian_radius(params.sigma), in_shape)
        return gaussian_kernel(params.sigma)
    if params.motion is not None:
        _check_reach(math.ceil(params.motion / 2), in_shape)
        return motion_kernel(params.motion, params.angle)
    assert params.kernel is not None
    kernel = _from_file(Path(params.kernel))
    _check_reach(max(kernel.shape) // 2, in_shape)
    return kernel


def _check_reach(radius: int, in_shape: tuple[int, int, int]) -> None:
    _, height, width = in_shape
    if radius >= min(height, width):
        raise BadParams(
            f"a kernel that reaches {radius} pixels far is too large for"
            f" an image of {width}×{height}",
            "use a smaller kernel",
        )


def _gaussian_radius(sigma: float) -> int:
    return max(1, math.ceil(4 * sigma))


def gaussian_kernel(sigma: float) -> Tensor:
    """A Gaussian sampled at the pixels, cut at four standard deviations."""
    radius = _gaussian_radius(sigma)
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    line = torch.exp(-0.5 * (x / sigma) ** 2)
    line = line / line.sum()
    return torch.outer(line, line)


def motion_kernel(length: float, angle: float) -> Tensor:
    """An antialiased line of that length in pixels, at `angle` degrees against the rows."""
    radius = math.ceil(length / 2)
    steps = 64 * (2 * radius + 1)
    t = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps - 0.5
    column = t * length * math.cos(math.radians(angle)) + radius
    row = -t * length * math.sin(math.radians(angle)) + radius
    kernel = torch.zeros(2 * radius + 2, 2 * radius + 2, dtype=torch.float64)
    i, j = row.floor().long(), column.floor().long()
    u, v = row - i, column - j
    parts = ((0, 0, (1 - u) * (1 - v)), (1, 0, u * (1 - v)), (0, 1, (1 - u) * v), (1, 1, u * v))
    for di, dj, weight in parts:
        kernel.index_put_((i + di, j + dj), weight, accumulate=True)
    kernel = kernel[:-1, :-1]
    return kernel / kernel.sum()


def _from_file(path: Path) -> Tensor:
    kernel = read_array(path) if path.suffix == ".npy" else images.read_grey(path)
    kernel = kernel.double()
    if kernel.dim() != 2 or kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        size = "×".join(map(str, kernel.shape))
        raise BadInput(f"kernel {path} is {size}, not odd × odd", "pad it so that it has a middle")
    total = float(kernel.sum())
    if not total > 0:
        raise BadInput(f"kernel {path} sums to {total:g}", "it must sum to a positive number")
    return kernel / total
