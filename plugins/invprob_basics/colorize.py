"""Colourisation: only the luma is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from invprob.errors import Incompatible
from invprob.numerics import luma
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics import shapes
from invprob_basics.params import ColorizeParams


class Colorize(LinearOperator, Configurable):
    """A(x) = 0.299 R + 0.587 G + 0.114 B (Rec. 601), (B, 3, H, W) → (B, 1, H, W).

    Args:
        image_shape: The shape of an image, (3, H, W).
        noise: The noise of the measurement.

    Raises:
        Incompatible: If images do not have three channels.
    """

    params_type = ColorizeParams
    luma: Tensor

    def __init__(self, image_shape: Sequence[int], *, noise: Noise | None = None) -> None:
        super().__init__(noise)
        self.in_shape = shapes.picture("colorize", image_shape)
        if self.in_shape[0] != 3:
            raise Incompatible(
                f"colorize needs images of 3 channels, not {self.in_shape[0]}",
                "use an RGB generator",
            )
        self.out_shape = (1, *self.in_shape[1:])
        weights = torch.tensor(luma.WEIGHTS, dtype=torch.float64)
        self.register_buffer("luma", weights[:, None, None])

    @classmethod
    def from_params(cls, params: ColorizeParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(in_shape)

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.luma.to(x.dtype)).sum(1, keepdim=True)

    def adjoint(self, y: Tensor) -> Tensor:
        return y * self.luma.to(y.dtype)

    def pinv(self, y: Tensor) -> Tensor:
        return self.adjoint(y) / self.row_norm2

    @property
    def row_norm2(self) -> float:
        return float(self.luma.double().square().sum())
