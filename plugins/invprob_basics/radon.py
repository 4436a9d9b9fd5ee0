"""Computed tomography with parallel rays: the Radon transform of square pixels (Radon, 1917)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from invprob.errors import BadParams
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics import shapes
from invprob_basics.imaging_params import RadonParams

LARGEST = 2 * 2**30
"""The largest table of weights that is made, in bytes."""
TOUCHED = 3
"""The most bins of the width of a pixel that a pixel, at most √2 wide, reaches into."""


class Radon(LinearOperator, Configurable):
    """A(x) is the sinogram (C, angles, bins): for each direction, the integrals over strips.

    A strip has the width of a pixel, and its integral is exact: the area that it shares with each
    pixel times the value. It is divided by the diagonal of the image, so that a sinogram of an
    image in [0, 1] lies in [0, 1]. The adjoint has the same weights.

    Args:
        image_shape: The shape of an image, (C, H, W).
        noise: The noise of the measurement.

    Raises:
        BadParams: If a parameter is out of its range, or the weights take more than 2 GiB.
    """

    params_type = RadonParams
    positional = ("angles",)
    bins: Tensor
    weights: Tensor

    def __init__(
        self, *args: Any, image_shape: Sequence[int], noise: Noise | None = None, **values: Any
    ) -> None:
        super().__init__(noise)
        params = self.read(*args, **values)
        channels, height, width = self.in_shape = shapes.picture("radon", image_shape)
        size = 16 * TOUCHED * params.angles * height * width
        if size > LARGEST:
            raise BadParams(
                f"{params.angles} directions of {width}×{height} pixels take"
                f" {size / 2**30:.1f} GiB",
                "give fewer angles, or smaller images",
            )
        self.count = math.ceil(math.hypot(height, width)) + 2
        self.out_shape = (channels, params.angles, self.count)
        turn = torch.arange(params.angles, dtype=torch.float64) / params.angles
        bins, weights = strips((height, width), turn * math.radians(params.range), self.count)
        self.register_buffer("bins", bins, persistent=False)
        self.register_buffer("weights", weights / math.hypot(height, width), persistent=False)

    @classmethod
    def from_params(cls, params: RadonParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(params, image_shape=in_shape)

    @property
    def picture_shape(self) -> None:
        # no picture is a sinogram, whose size follows from that of the image
        return None

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(0, 1).flatten(1)[:, None]
        empty = x.new_zeros(len(flat), self.count)
        rows = [
            empty.index_add(1, bins.flatten(), (flat * weights.to(x.dtype)).flatten(1))
            for bins, weights in zip(self.bins, self.weights, strict=True)
        ]
        return torch.stack(rows, 1).reshape(len(x), *self.out_shape)

    def adjoint(self, y: Tensor) -> Tensor:
        flat = y.flatten(0, 1)
        x = torch.zeros((), dtype=y.dtype, device=y.device)
        for angle, (bins, weights) in enumerate(zip(self.bins, self.weights, strict=True)):
            x = x + (flat[:, angle][:, bins] * weights.to(y.dtype)).sum(1)
        return x.reshape(len(y), *self.in_shape)


def strips(size: tuple[int, int], turn: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Which strips each pixel reaches into, and the area that it shares with them.

    Args:
        size: The size of an image, (H, W).
        turn: The directions in radians; at 0 strips are columns.
        count: The number of strips, with the middle of the image between or in the middle ones.

    Returns:
        (angles, 3, H·W) twice: indices, and areas in units of a pixel, float64.
    """
    height, width = size
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    y = torch.arange(height, dtype=torch.float64) - (height - 1) / 2
    c, s = turn.cos()[:, None], turn.sin()[:, None]
    across = c * x.repeat(height) + s * y.repeat_interleave(width) + count / 2
    reach = (c.abs() + s.abs()) / 2
    first = (across - reach).floor()
    edges = first[:, None] + torch.arange(TOUCHED + 1, dtype=torch.float64)[:, None]
    shares = _share(edges - across[:, None], c.abs()[:, None], s.abs()[:, None])
    bins = (first[:, None].long() + torch.arange(TOUCHED)[:, None]).clamp_max(count - 1)
    return bins, shares.diff(dim=1)


def _share(t: Tensor, c: Tensor, s: Tensor) -> Tensor:
    """The part of a unit square, turned by an angle, that lies before t: ∫ of its shadow."""
    large, small = torch.maximum(c, s), torch.minimum(c, s)
    # the shadow is a trapezoid of the width c + s, flat over its middle large − small
    flat, wide = (large - small) / 2, (large + small) / 2
    inside = t.abs().clamp(max=flat) / large
    v = (t.abs().clamp(min=flat, max=wide) - flat) / small.clamp_min(1e-12)
    return 0.5 + t.sign() * (inside + (v - v.square() / 2) * small / large)
