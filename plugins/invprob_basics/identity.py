"""The identity: with noise, denoising."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from torch import Tensor

from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics.params import IdentityParams


class Identity(LinearOperator, Configurable):
    """A(x) = x: the image itself is measured.

    Args:
        image_shape: The shape of an image, (C, H, W).
        noise: The noise of the measurement.
    """

    params_type = IdentityParams

    def __init__(self, image_shape: Sequence[int], *, noise: Noise | None = None) -> None:
        super().__init__(noise)
        self.in_shape = self.out_shape = tuple(image_shape)

    @classmethod
    def from_params(cls, params: IdentityParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(in_shape)

    def forward(self, x: Tensor) -> Tensor:
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        return y

    def pinv(self, y: Tensor) -> Tensor:
        return y

    @property
    def row_norm2(self) -> float:
        return 1.0
