"""Super-resolution: a smaller image is measured, A(x) = R x Cᵀ, a matrix for each axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from invprob.errors import BadParams
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics import axes, shapes
from invprob_basics.axes import Gram
from invprob_basics.params import SuperresParams

DECOMPOSED = 1024
"""The largest side whose pseudo-inverse is from a singular value decomposition: run folders of
before know its last bits, and beyond it would take minutes."""


class Superres(LinearOperator, Configurable):
    """Antialiased bicubic downsampling, or the mean of each block.

    Args:
        image_shape: The shape of an image, (C, H, W); `factor` divides H and W.
        noise: The noise of the measurement, which is a picture (C, H/factor, W/factor).

    Raises:
        BadParams: If a parameter is out of its range, or `factor` does not divide both sides.
    """

    params_type = SuperresParams
    positional = ("factor",)
    rows: Tensor
    columns: Tensor
    rows_pinv: Tensor
    columns_pinv: Tensor
    rows_spectrum: Tensor
    columns_spectrum: Tensor
    rows_basis: Tensor
    columns_basis: Tensor

    def __init__(
        self, *args: Any, image_shape: Sequence[int], noise: Noise | None = None, **values: Any
    ) -> None:
        super().__init__(noise)
        params = self.read(*args, **values)
        channels, height, width = self.in_shape = shapes.picture("superres", image_shape)
        f = params.factor
        if height % f or width % f:
            fitting = f", or crop to {width // f * f}×{height // f * f}"
            raise BadParams(
                f"factor {f} does not divide {width}×{height} pixels",
                "choose a factor that divides both sides"
                + (fitting if min(width, height) >= f else ""),
            )
        weights = average_weights if params.kernel == "average" else bicubic_weights
        self.out_shape = (channels, height // f, width // f)
        for name, side in (("rows", height), ("columns", width)):
            matrix = weights(side, f)
            gram = Gram.of(matrix)
            self.register_buffer(name, matrix)
            self.register_buffer(f"{name}_pinv", _pinv(matrix, gram))
            self.register_buffer(f"{name}_spectrum", gram.spectrum, persistent=False)
            self.register_buffer(f"{name}_basis", gram.basis, persistent=False)

    @classmethod
    def from_params(cls, params: SuperresParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(params, image_shape=in_shape)

    def forward(self, x: Tensor) -> Tensor:
        return self.rows.to(x.dtype) @ x @ self.columns.to(x.dtype).T

    def adjoint(self, y: Tensor) -> Tensor:
        return self.rows.to(y.dtype).T @ y @ self.columns.to(y.dtype)

    def pinv(self, y: Tensor) -> Tensor:
        return self.rows_pinv.to(y.dtype) @ y @ self.columns_pinv.to(y.dtype).T

    def prox(self, z: Tensor, y: Tensor, gamma: Tensor) -> Tensor:
        if gamma.numel() > len(gamma):
            return super().prox(z, y, gamma)
        rows = Gram(self.rows_spectrum, self.rows_basis)
        columns = Gram(self.columns_spectrum, self.columns_basis)
        return z + self.adjoint(axes.solve(rows, columns, gamma, y - self(z)))


def _pinv(matrix: Tensor, gram: Gram) -> Tensor:
    """The pseudo-inverse of a matrix of independent rows, Mᵀ (M Mᵀ)⁻¹."""
    if matrix.shape[1] <= DECOMPOSED:
        inverse: Tensor = torch.linalg.pinv(matrix)
        return inverse
    return matrix.T @ (gram.basis / gram.spectrum @ gram.basis.T)


def average_weights(side: int, factor: int) -> Tensor:
    """Means of blocks of pixels along one axis.

    Args:
        side: Pixels of the large image.
        factor: Pixels of a block; divides `side`.

    Returns:
        The matrix (side/factor, side), float64.
    """
    eye = torch.eye(side // factor, dtype=torch.float64)
    return eye.repeat_interleave(factor, 1) / factor


def bicubic_weights(side: int, factor: int) -> Tensor:
    """Keys' kernel with a = −0.5 (Keys, 1981), widened by the factor, along one axis.

    Weights beyond the border are dropped and each row is scaled to sum 1, as Pillow does.

    Args:
        side: Pixels of the large image.
        factor: How many times smaller the small one is; divides `side`.

    Returns:
        The matrix (side/factor, side), float64.
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
