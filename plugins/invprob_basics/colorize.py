"""Colourisation: only the luma is measured."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob.errors import Incompatible
from invprob.operator import LinearOperator
from invprob_basics.params import ColorizeParams
from invprob_basics.shapes import check_picture


class Colorize(LinearOperator):
    """A(x) = 0.299 R + 0.587 G + 0.114 B (Rec. 601), (B, 3, H, W) → (B, 1, H, W)."""

    luma: Tensor

    def __init__(self, params: ColorizeParams, in_shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        check_picture("colorize", in_shape)
        if in_shape[0] != 3:
            raise Incompatible(
                f"colorize needs images of 3 channels, not {in_shape[0]}", "use an RGB generator"
            )
        self.in_shape = in_shape
        self.out_shape = (1, *in_shape[1:])
        luma = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
        self.register_buffer("luma", luma[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.luma.to(x.dtype)).sum(1, keepdim=True)

    def adjoint(self, y: Tensor) -> Tensor:
        return y * self.luma.to(y.dtype)

    def pinv(self, y: Tensor) -> Tensor:
        return self.adjoint(y) / (self.luma**2).sum().to(y.dtype)
