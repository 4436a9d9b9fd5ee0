"""Pad: a black margin around the image, before an operator that needs one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from torch import Tensor
from torch.nn import functional as F

from invprob.errors import BadParams
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics import shapes
from invprob_basics.imaging_params import PadParams, pair


class Pad(LinearOperator, Configurable):
    """A(x) is x within a black margin, (C, H + 2 rows, W + 2 columns).

    `margin` is a text ``"8x4"`` or a pair (rows, columns).

    Args:
        image_shape: The shape of an image, (C, H, W).
        noise: The noise of the measurement.

    Raises:
        BadParams: If the margin is 0.
    """

    params_type = PadParams
    positional = ("margin",)

    def __init__(
        self, *args: Any, image_shape: Sequence[int], noise: Noise | None = None, **values: Any
    ) -> None:
        super().__init__(noise)
        params = self.read(*args, **values)
        channels, height, width = self.in_shape = shapes.picture("pad", image_shape)
        rows, columns = self.margin = pair(params.margin) or (0, 0)
        if not rows + columns:
            raise BadParams(f"margin={params.margin} adds nothing", "give e.g. margin=8x8")
        self.out_shape = (channels, height + 2 * rows, width + 2 * columns)

    @classmethod
    def from_params(cls, params: PadParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(params, image_shape=in_shape)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = self.margin
        return F.pad(x, (columns, columns, rows, rows))

    def adjoint(self, y: Tensor) -> Tensor:
        rows, columns = self.margin
        _, height, width = self.in_shape
        return y[:, :, rows : rows + height, columns : columns + width]

    def pinv(self, y: Tensor) -> Tensor:
        return self.adjoint(y)

    def prox(self, z: Tensor, y: Tensor, gamma: Tensor) -> Tensor:
        # AᵀA = 1: every pixel has one equation of its own
        weight = self.adjoint(gamma.expand_as(y))
        return (z + weight * self.adjoint(y)) / (1 + weight)
