"""Operators that are a matrix for each axis, A x = R x Cᵀ, and the inverse of their 1/γ + A Aᵀ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Gram:
    """M Mᵀ of the matrix M of one axis, by its eigenvalues (n,) and eigenvectors (n, n)."""

    spectrum: Tensor
    basis: Tensor

    @classmethod
    def of(cls, matrix: Tensor) -> Self:
        """Decompose.

        Args:
            matrix: M, (n, side), float64.

        Returns:
            Its Gram matrix.
        """
        spectrum, basis = torch.linalg.eigh(matrix @ matrix.T)
        return cls(spectrum.clamp_min(0), basis)


def solve(rows: Gram, columns: Gram, gamma: Tensor, b: Tensor) -> Tensor:
    """(1/γ + A Aᵀ)⁻¹ b, a division in the eigenvectors of both axes.

    Args:
        rows: Of R, of size H.
        columns: Of C, of size W.
        gamma: γ ≥ 0, (B, 1, 1, 1).
        b: Right-hand sides (B, C, H, W).

    Returns:
        (B, C, H, W).
    """
    U, V = rows.basis.to(b), columns.basis.to(b)
    spectrum = torch.outer(rows.spectrum, columns.spectrum).to(b)
    solved: Tensor = U @ (gamma / (1 + gamma * spectrum) * (U.T @ b @ V)) @ V.T
    return solved
