"""Super-resolution: a smaller image is measured, A(x) = R x Cᵀ, a matrix for each axis."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob.errors import BadParams
from invprob.operator import LinearOperator
from invprob_basics.params import SuperresParams
from invprob_basics.shapes import check_picture


class Superres(LinearOperator):
    """Antialiased bicubic downsampling, or the mean of each block."""

    rows: Tensor
    columns: Tensor
    rows_pinv: Tensor
    columns_pinv: Tensor

    def __init__(self, params: SuperresParams, in_shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        check_picture("superres", in_shape)
        channels, height, width = in_shape
        f = params.factor
        if height % f or width % f:
            raise BadParams(
                f"factor {f} does not divide {width}×{height} pixels",
                "choose a factor that divides both sides",
            )
        weights = average_weights if params.kernel == "average" else bicubic_weights
        self.in_shape = in_shape
        self.out_shape = (channels, height // f, width // f)
        for name, side in (("rows", height), ("columns", width)):
            matrix = weights(side, f)
            self.register_buffer(name, matrix)
            self.register_buffer(f"{name}_pinv", torch.linalg.pinv(matrix))

    def forward(self, x: Tensor) -> Tensor:
        return self.rows.to(x.dtype) @ x @ self.columns.to(x.dtype).T

    def adjoint(self, y: Tensor) -> Tensor:
        return self.rows.to(y.dtype).T @ y @ self.columns.to(y.dtype)

    def pinv(self, y: Tensor) -> Tensor:
        return self.rows_pinv.to(y.dtype) @ y @ self.columns_pinv.to(y.dtype).T


def average_weights(side: int, factor: int) -> Tensor:
    """Means of blocks, (side/factor, side), float64."""
    eye = torch.eye(side // factor, dtype=torch.float64)
    return eye.repeat_interleave(factor, 1) / factor


def bicubic_weights(side: int, factor: int) -> Tensor:
    """Keys' kernel with a = −0.5 (Keys, 1981), widened by the factor, (side/factor, side), float64.

    Weights beyond the border are dropped and each row is scaled to sum 1, as Pillow does.
    """
    small = torch.arange(side // factor, dtype=torch.float64)
    large = torch.arange(side, dtype=torch.float64)
    centre = (small + 0.5) * factor - 0.5
    x = ((large[None] - centre[:, None]) / factor).abs()
    a = -0.5
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    weights = torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
    return weights / weights.sum(1, keepdim=True)
