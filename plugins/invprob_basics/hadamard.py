"""Single-pixel imaging: one detector sees the image through patterns of ±1, row by row of Hadamard.

Duarte et al., Single-pixel imaging via compressive sampling, IEEE Signal Processing Magazine 25(2),
2008.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob import seeds
from invprob.errors import BadParams
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics import shapes
from invprob_basics.imaging_params import HadamardParams


class Hadamard(LinearOperator, Configurable):
    """A(x) holds m inner products of every channel with patterns of ±1/√(HW), (B, C, m).

    The patterns are rows of H ⊗ H, cut to the image where its sides are not powers of two; their
    norm is 1, so a noise level means the same as for pixels.

    Args:
        image_shape: The shape of an image, (C, H, W).
        seed: The seed of random patterns.
        noise: The noise of the measurement.

    Raises:
        BadParams: If a parameter is out of its range, or no pattern is left.
    """

    params_type = HadamardParams
    positional = ("ratio",)
    rows: Tensor

    def __init__(
        self,
        *args: Any,
        image_shape: Sequence[int],
        seed: int = 0,
        noise: Noise | None = None,
        **values: Any,
    ) -> None:
        super().__init__(noise)
        params = self.read(*args, **values)
        channels, height, width = self.in_shape = shapes.picture("hadamard", image_shape)
        m = round(params.ratio * height * width)
        if m == 0:
            raise BadParams(
                f"ratio={params.ratio:g} of {width}×{height} pixels is not a pattern",
                f"the least is {1 / (height * width):.2g}",
            )
        self.out_shape = (channels, m)
        self.sides = (_power_of_two(height), _power_of_two(width))
        rows = _low(self.sides) if params.order == "low" else _random(self.sides, seed)
        self.register_buffer("rows", rows[:m], persistent=False)

    @classmethod
    def from_params(cls, params: HadamardParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(params, image_shape=in_shape, seed=seed)

    @property
    def row_norm2(self) -> float | None:
        return 1.0 if self.sides == self.in_shape[1:] else None

    def forward(self, x: Tensor) -> Tensor:
        height, width = self.sides
        _, h, w = self.in_shape
        spread = F.pad(x, (0, width - w, 0, height - h)).flatten(2)
        return transform(spread)[:, :, self.rows] / math.sqrt(h * w)

    def adjoint(self, y: Tensor) -> Tensor:
        _, h, w = self.in_shape
        spread = y.new_zeros(*y.shape[:2], math.prod(self.sides))
        spread[:, :, self.rows] = y
        # H is symmetric
        whole = transform(spread).reshape(*y.shape[:2], *self.sides)
        return whole[:, :, :h, :w] / math.sqrt(h * w)

    def pinv(self, y: Tensor) -> Tensor:
        return super().pinv(y) if self.row_norm2 is None else self.adjoint(y)


def transform(x: Tensor) -> Tensor:
    """The Walsh-Hadamard transform H x of vectors, by n log n sums and differences.

    Args:
        x: Vectors (…, n), n a power of two.

    Returns:
        (…, n), not scaled: H H = n.
    """
    n, half = x.shape[-1], 1
    while half < n:
        pairs = x.reshape(*x.shape[:-1], -1, 2, half)
        first, second = pairs[..., 0, :], pairs[..., 1, :]
        x = torch.stack([first + second, first - second], -2).flatten(-3)
        half *= 2
    return x


def sequency(n: int) -> Tensor:
    """How many times each row of H changes its sign.

    Args:
        n: The size of H, a power of two.

    Returns:
        (n,), every number from 0 to n − 1 once.
    """
    index, bits = torch.arange(n), n.bit_length() - 1
    reverse, shift = torch.zeros_like(index), 1
    for k in range(bits):
        reverse |= ((index >> k) & 1) << (bits - 1 - k)
    while shift < n:  # from Gray's code
        reverse = reverse ^ (reverse >> shift)
        shift *= 2
    return reverse


def _power_of_two(side: int) -> int:
    return 1 << (side - 1).bit_length()


def _low(sides: tuple[int, int]) -> Tensor:
    """All rows, those of few changes of sign along both axes first."""
    rows, columns = (sequency(side) for side in sides)
    return (rows[:, None] + columns[None]).flatten().argsort(stable=True)


def _random(sides: tuple[int, int], seed: int) -> Tensor:
    """All rows, the mean first and the others shuffled."""
    others = torch.randperm(math.prod(sides) - 1, generator=seeds.stream(seed, "hadamard")) + 1
    return torch.cat([torch.zeros(1, dtype=others.dtype), others])
