"""The identity: with noise, denoising."""

from __future__ import annotations

from torch import Tensor

from invprob.operator import LinearOperator
from invprob_basics.params import IdentityParams


class IdentityOperator(LinearOperator):
    """A(x) = x."""

    def __init__(self, params: IdentityParams, in_shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        self.in_shape = self.out_shape = in_shape

    def forward(self, x: Tensor) -> Tensor:
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        return y

    def pinv(self, y: Tensor) -> Tensor:
        return y
