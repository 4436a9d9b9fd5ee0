"""Magnetic resonance imaging: a part of the Fourier coefficients is measured (Lustig et al., 2007).

The image is real, one coil is uniform, and radial lines lie on the grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from invprob import seeds
from invprob.errors import BadParams
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics import shapes
from invprob_basics.imaging_params import FourierParams


class Fourier(LinearOperator, Configurable):
    """A(x) holds the coefficients of the orthonormal 2-D transform that a mask keeps, (B, C, 2m).

    Real parts stand before imaginary parts, and each has noise of its own. Since images are real,
    a coefficient at k and that at −k are measured twice if the mask keeps both.

    Args:
        image_shape: The shape of an image, (C, H, W).
        seed: The seed of what the mask keeps.
        noise: The noise of the measurement.

    Raises:
        BadParams: If a parameter is out of its range, or nothing is measured.
    """

    params_type = FourierParams
    positional = ("mask",)
    kept: Tensor
    index: Tensor

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
        channels, *size = self.in_shape = shapes.picture("fourier", image_shape)
        kept = _MASKS[params.mask](params, (size[0], size[1]), seed)
        if not bool(kept.any()):
            raise BadParams(
                f"acceleration={params.acceleration:g} keeps nothing of {size[1]}×{size[0]}"
                " coefficients",
                "make it smaller, or `center` larger",
            )
        index = kept.flatten().nonzero()[:, 0]
        self.out_shape = (channels, 2 * len(index))
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("kept", kept)

    @classmethod
    def from_params(cls, params: FourierParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(params, image_shape=in_shape, seed=seed)

    def forward(self, x: Tensor) -> Tensor:
        k = torch.fft.fft2(x, norm="ortho").flatten(2)[:, :, self.index]
        return torch.cat([k.real, k.imag], 2)

    def adjoint(self, y: Tensor) -> Tensor:
        real, imaginary = y.chunk(2, 2)
        spread = torch.zeros(*y.shape[:2], self.kept.numel(), dtype=_complex(y), device=y.device)
        spread[:, :, self.index] = torch.complex(real, imaginary)
        x: Tensor = torch.fft.ifft2(spread.reshape(-1, *self.in_shape), norm="ortho").real
        return x

    def pinv(self, y: Tensor) -> Tensor:
        # AᵀA is a filter, which is 1, ½ or 0
        power = self._power(y)
        return _filtered(self.adjoint(y), torch.where(power > 0, 1 / power.clamp_min(0.5), 0))

    def prox(self, z: Tensor, y: Tensor, gamma: Tensor) -> Tensor:
        if gamma.numel() > len(gamma):
            return super().prox(z, y, gamma)
        gamma = gamma.reshape(-1, 1, 1, 1)
        power = self._power(y)
        # beside γ Aᵀy, which may be far larger, z would be rounded away; and so would 0 where Aᵀ
        # gives nothing, if it were not left out
        response = torch.where(power > 0, gamma / (1 + gamma * power), 0)
        return z + _filtered(self.adjoint(y - self(z)), response)

    def _power(self, like: Tensor) -> Tensor:
        """The response of AᵀA, (H, W): the part of k and −k that is kept."""
        kept = self.kept.to(like)
        mirrored = kept.flip(0, 1).roll((1, 1), (0, 1))
        return (kept + mirrored) / 2


def _complex(like: Tensor) -> torch.dtype:
    return torch.complex128 if like.dtype == torch.float64 else torch.complex64


def _filtered(x: Tensor, response: Tensor) -> Tensor:
    found: Tensor = torch.fft.ifft2(torch.fft.fft2(x) * response).real
    return found


def _frequencies(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Periods along the two axes, in the order of the transform, (H, 1) and (1, W)."""
    rows, columns = (torch.fft.fftfreq(n, 1 / n).round() for n in size)
    return rows[:, None], columns[None]


def cartesian(params: FourierParams, size: tuple[int, int], seed: int) -> Tensor:
    """Whole columns: those around the origin, and others at random.

    Args:
        params: How many, and how many of them around the origin.
        size: The size of an image, (H, W).
        seed: The seed of the others.

    Returns:
        Booleans (H, W), in the order of the transform.
    """
    width = size[1]
    order = torch.randperm(width, generator=seeds.stream(seed, "fourier"))
    distance = _frequencies(size)[1].abs()[0, order]
    inside = math.ceil(params.center * width)
    # the nearest come first, all others in random order
    nearest = distance.argsort(stable=True)
    rest = nearest[inside:].sort().values
    chosen = order[torch.cat([nearest[:inside], rest])][: _count(params, width, inside)]
    kept = torch.zeros(size, dtype=torch.bool)
    kept[:, chosen] = True
    return kept


def scattered(params: FourierParams, size: tuple[int, int], seed: int) -> Tensor:
    """Single coefficients: a square around the origin, and others at random.

    Args:
        params: How many, and the part of each side of the square.
        size: The size of an image, (H, W).
        seed: The seed of the others.

    Returns:
        Booleans (H, W), in the order of the transform.
    """
    rows, columns = _frequencies(size)
    inner = (rows.abs() <= params.center * size[0] / 2) & (
        columns.abs() <= params.center * size[1] / 2
    )
    draw = torch.rand(size, generator=seeds.stream(seed, "fourier"))
    order = torch.where(inner, -1.0, draw).flatten().argsort(stable=True)
    kept = torch.zeros(size[0] * size[1], dtype=torch.bool)
    kept[order[: _count(params, kept.numel(), int(inner.sum()))]] = True
    return kept.reshape(size)


def radial(params: FourierParams, size: tuple[int, int], seed: int) -> Tensor:
    """Lines through the origin at even angles, as many as the acceleration leaves.

    Args:
        params: How many times fewer coefficients, and the part of each side that is kept whole.
        size: The size of an image, (H, W).
        seed: Of nothing.

    Returns:
        Booleans (H, W), in the order of the transform.
    """
    height, width = size
    wanted = height * width / params.acceleration
    rows, columns = _frequencies(size)
    kept = (rows.abs() <= params.center * height / 2) & (columns.abs() <= params.center * width / 2)
    whole = kept
    for lines in range(1, 4 * max(size)):
        kept = whole | _spokes(lines, size)
        if int(kept.sum()) >= wanted:
            break
    return kept


def _spokes(lines: int, size: tuple[int, int]) -> Tensor:
    """The grid points nearest to lines through the origin."""
    height, width = size
    turn = torch.arange(lines, dtype=torch.float64) * math.pi / lines
    reach = max(size)
    along = torch.linspace(-0.5, 0.5, 4 * reach + 1, dtype=torch.float64)
    rows = (along * height * turn.sin()[:, None]).round().long()
    columns = (along * width * turn.cos()[:, None]).round().long()
    kept = torch.zeros(size, dtype=torch.bool)
    kept[rows % height, columns % width] = True
    return kept


def _count(params: FourierParams, total: int, inside: int) -> int:
    return max(round(total / params.acceleration), inside)


_MASKS = {"cartesian": cartesian, "radial": radial, "random": scattered}
