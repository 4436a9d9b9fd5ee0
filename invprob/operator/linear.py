"""Linear operators: their adjoint, their pseudo-inverse, and the proximal map of the data term."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob.noise import WhiteNoise
from invprob.numerics import linalg
from invprob.operator.base import Operator

PROX_ERROR = 1e-3
"""About the root mean square of the error of an iterated `prox`, in units of [0, 1]. A part of
the right-hand side would not do alone: that grows with γ, and so would the error."""


class LinearOperator(Operator):
    """A linear A. Override `adjoint` and `pinv` for speed, never for correctness."""

    def adjoint(self, y: Tensor) -> Tensor:
        """Aᵀy; by default the vector–Jacobian product of `forward`.

        Args:
            y: Measurements (B, *out_shape).

        Returns:
            Images (B, *in_shape).
        """
        zero = torch.zeros((y.shape[0], *self.in_shape), dtype=y.dtype, device=y.device)
        vjp = torch.func.vjp(self.forward, zero)[1]
        (x,) = vjp(y)
        assert isinstance(x, Tensor)
        return x

    def pinv(self, y: Tensor) -> Tensor:
        """A⁺y, the least-squares solution of least norm; by default CGLS from 0.

        Args:
            y: Measurements (B, *out_shape).

        Returns:
            Images (B, *in_shape).
        """
        return linalg.cgls(self.forward, self.adjoint, y)

    def observed(self, y: Tensor) -> Tensor:
        return y if y.dim() == 4 else self.pinv(y)

    @property
    def row_norm2(self) -> float | None:
        """c with A Aᵀ = c·1, where the rows of A are orthogonal and equally long; else None."""
        return None

    def prox(self, z: Tensor, y: Tensor, gamma: Tensor) -> Tensor:
        """argmin_x ½‖x − z‖² + ½ Σ_i γ_i (A x − y)_i², the proximal map of the data term.

        Exact where `row_norm2` is known: x = z + Aᵀ (y − A z)/(1/γ + c). Otherwise by conjugate
        gradients. Override it where A is diagonal in some basis.

        Args:
            z: Images (B, *in_shape).
            y: Measurements (B, *out_shape).
            gamma: Weights γ ≥ 0 of the entries of y, (B, *out_shape), or (B, 1, …) if all entries
                of a measurement count alike. The precision of the noise times the square of a
                level σ gives the mode of the posterior under the prior N(z, σ²).

        Returns:
            Images (B, *in_shape).
        """
        c = self.row_norm2
        if c is not None:
            return z + self.adjoint(gamma / (1 + c * gamma) * (y - self(z)))
        found: Tensor = linalg.conjugate_gradients(
            lambda x: x + self.adjoint(gamma * self(x)),
            z + self.adjoint(gamma * y),
            start=z,
            rtol=1e-4,
            atol=PROX_ERROR,
        )
        return found


def with_white_noise(A: Operator) -> tuple[LinearOperator, float] | None:
    """Tell a linear operator with Gaussian noise of one level from others.

    Args:
        A: The operator with its noise.

    Returns:
        The operator and the standard deviation of its noise; None for others.
    """
    if isinstance(A, LinearOperator) and isinstance(A.noise, WhiteNoise):
        return A, A.noise.sigma
    return None
