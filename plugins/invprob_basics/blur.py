"""Blur: every channel convolved with one kernel of sum 1; the size stays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob.errors import BadInput, BadParams
from invprob.io import images
from invprob.io.arrays import is_array, read_numbers
from invprob.numerics import linalg
from invprob.operator import LinearOperator, Noise
from invprob.operator.linear import PROX_ERROR
from invprob.params import Configurable
from invprob_basics import axes, deblur, mirror, shapes
from invprob_basics.axes import Gram
from invprob_basics.params import BlurParams
from invprob_basics.shapes import Array

RTOL = 3e-4  # of the systems of `prox`


class Blur(LinearOperator, Configurable):
    """A(x) = k ∗ x, with the mirror image or the other side beyond the border.

    With a circular boundary the pseudo-inverse divides by the kernel's transfer function.

    Args:
        kernel: The kernel k, (odd, odd), smaller than the image; it is scaled to sum 1. Without
            one, k is a Gaussian of `sigma` or a `motion`.
        image_shape: The shape of an image, (C, H, W).
        noise: The noise of the measurement, which has the shape of the image.

    Raises:
        BadInput: If the kernel has no middle, or does not sum to a positive number.
        BadParams: If a parameter is out of its range, or the kernel is too large for the image.
    """

    params_type = BlurParams

    kernel: Tensor

    def __init__(
        self,
        kernel: Array | None = None,
        *,
        image_shape: Sequence[int],
        noise: Noise | None = None,
        **values: Any,
    ) -> None:
        super().__init__(noise)
        # the model has the rule that there is one kernel alone, whatever it is
        params = self.read(**values, kernel=None if kernel is None else "a tensor")
        shape = shapes.picture("blur", image_shape)
        if kernel is None:
            k = drawn(params, shape)
        else:
            k = of_sum_one(shapes.numbers(kernel, "kernel"), "kernel")
            _check_reach((k.shape[0] // 2, k.shape[1] // 2), shape)
        self.in_shape = self.out_shape = shape
        self.mode = params.boundary
        self.margin = (k.shape[0] // 2, k.shape[1] // 2)
        self.register_buffer("kernel", k)

    @classmethod
    def from_params(cls, params: BlurParams, in_shape: Sequence[int], seed: int) -> Self:
        values = dict(params)
        path = values.pop("kernel")
        kernel = None if path is None else read_kernel(Path(path))
        return cls(kernel, image_shape=in_shape, **values)

    def forward(self, x: Tensor) -> Tensor:
        down, right = self.margin
        padded = F.pad(x, (right, right, down, down), mode=self.mode)
        return F.conv2d(padded, self._weight(x), groups=x.shape[1])

    def adjoint(self, y: Tensor) -> Tensor:
        x = F.conv_transpose2d(y, self._weight(y), groups=y.shape[1])
        for dim, margin in zip((2, 3), self.margin, strict=True):
            x = folded(x, dim, margin, self.mode)
        return x

    def _weight(self, like: Tensor) -> Tensor:
        """A convolution: conv2d correlates, so the kernel is turned round."""
        return self.kernel.to(like.dtype).flip(0, 1).expand(like.shape[1], 1, -1, -1)

    def pinv(self, y: Tensor) -> Tensor:
        if self.mode != "circular":
            return super().pinv(y)
        transfer = self._transfer(y)
        kept = transfer.abs() > 1e-6
        inverse = torch.where(kept, 1 / torch.where(kept, transfer, 1), 0)
        x: Tensor = torch.fft.ifft2(torch.fft.fft2(y) * inverse).real
        return x

    def prox(self, z: Tensor, y: Tensor, gamma: Tensor) -> Tensor:
        r = gamma * (y - self(z))
        uniform = gamma.flatten(1).mean(1).reshape(-1, 1, 1, 1)
        if gamma.numel() == len(gamma):
            if self.mode == "circular":
                return z + deblur.around(self.adjoint(r), self.kernel, uniform)
            if self._grams is not None:
                return z + self.adjoint(axes.solve(*self._grams, gamma, y - self(z)))
        inverse = partial(deblur.around, kernel=self.kernel, gamma=uniform)
        if self.mode == "reflect" and deblur.even(self.kernel):
            # exact where border pixels count by their weights, and close to it elsewhere
            _, height, width = self.in_shape
            power = mirror.transfer(self.kernel.to(y), (2 * height - 2, 2 * width - 2)).abs() ** 2
            response, root = 1 / (1 + uniform * power), mirror.weights(z).sqrt()
            inverse = partial(_conjugated, response, root)
        return z + linalg.conjugate_gradients(
            lambda x: x + self.adjoint(gamma * self(x)),
            self.adjoint(r),
            precondition=inverse,
            rtol=RTOL,
            atol=PROX_ERROR,
        )

    @cached_property
    def _grams(self) -> tuple[Gram, Gram] | None:
        _, height, width = self.in_shape
        return deblur.grams(self.kernel.cpu(), (height, width), self.mode)

    def _transfer(self, like: Tensor) -> Tensor:
        """The Fourier transform of the kernel on the circle, (H, W), complex."""
        _, height, width = self.in_shape
        return mirror.transfer(self.kernel.to(like), (height, width))


def _conjugated(response: Tensor, root: Tensor, x: Tensor) -> Tensor:
    return root * mirror.filtered(x / root, response)


def folded(x: Tensor, dim: int, margin: int, mode: str) -> Tensor:
    """The adjoint of padding: values of the margins are added to the pixels they were copied from.

    Args:
        x: Images (B, C, H, W) with margins.
        dim: 2 or 3.
        margin: The width of the margins along `dim`, at least 0.
        mode: ``"reflect"`` or ``"circular"``.

    Returns:
        Images without margins along `dim`.
    """
    size = x.shape[dim] - 2 * margin
    before, after = x.narrow(dim, 0, margin), x.narrow(dim, margin + size, margin)
    inner = x.narrow(dim, margin, size).clone()
    if mode == "circular":
        inner.narrow(dim, size - margin, margin).add_(before)
        inner.narrow(dim, 0, margin).add_(after)
    else:
        inner.narrow(dim, 1, margin).add_(before.flip(dim))
        inner.narrow(dim, size - 1 - margin, margin).add_(after.flip(dim))
    return inner


def drawn(params: BlurParams, shape: tuple[int, int, int]) -> Tensor:
    """The kernel that `sigma` or `motion` describe; one too large is refused before it is made.

    Args:
        params: Parameters without a kernel.
        shape: The shape of an image, (C, H, W).

    Returns:
        A kernel (odd, odd) of sum 1, float64.

    Raises:
        BadParams: If it is too large for the image.
    """
    if params.sigma is not None:
        _check_reach((_gaussian_radius(params.sigma),) * 2, shape)
        return gaussian_kernel(params.sigma)
    assert params.motion is not None
    _check_reach((math.ceil(params.motion / 2),) * 2, shape)
    return motion_kernel(params.motion, params.angle)


def _check_reach(reach: tuple[int, int], shape: tuple[int, int, int]) -> None:
    _, height, width = shape
    if reach[0] >= height or reach[1] >= width:
        raise BadParams(
            f"a kernel that reaches {max(reach)} pixels far is too large for"
            f" an image of {width}×{height}",
            "use a smaller kernel",
        )


def _gaussian_radius(sigma: float) -> int:
    return max(1, math.ceil(4 * sigma))


def gaussian_kernel(sigma: float) -> Tensor:
    """A Gaussian sampled at the pixels, cut at four standard deviations.

    Args:
        sigma: The standard deviation in pixels, > 0.

    Returns:
        A square kernel of sum 1, float64.
    """
    radius = _gaussian_radius(sigma)
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    line = torch.exp(-0.5 * (x / sigma) ** 2)
    line = line / line.sum()
    return torch.outer(line, line)


def motion_kernel(length: float, angle: float) -> Tensor:
    """An antialiased line.

    Args:
        length: Its length in pixels, > 1.
        angle: Its direction in degrees; 0 runs along the rows, 90 up.

    Returns:
        A square kernel of sum 1, float64.
    """
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
    return kernel[:-1, :-1] / kernel.sum()


def read_kernel(path: Path) -> Tensor:
    """The kernel of a file.

    Args:
        path: An image, whose luma is taken, or an array (odd, odd) of any real numbers.

    Returns:
        A kernel of sum 1, float64.

    Raises:
        BadInput: If the file cannot be read, or does not hold a kernel.
    """
    kernel = read_numbers(path, "kernel") if is_array(path) else images.read_grey(path)
    return of_sum_one(kernel.double(), f"kernel {path}")


def of_sum_one(kernel: Tensor, name: str) -> Tensor:
    """A kernel scaled to sum 1.

    Args:
        kernel: Numbers (odd, odd), float64.
        name: What the message calls it.

    Raises:
        BadInput: If it has no middle, or its sum is not positive.
    """
    if kernel.dim() != 2 or any(side % 2 == 0 for side in kernel.shape):
        size = "×".join(map(str, kernel.shape))
        raise BadInput(f"{name} is {size}, not odd × odd", "pad it so that it has a middle")
    total = float(kernel.sum())
    if not total > 0:
        raise BadInput(f"{name} sums to {total:g}", "it must sum to a positive number")
    return kernel / total
