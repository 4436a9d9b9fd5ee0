"""Operators: y = A(x) + noise. The noise object that simulates is the one that scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from invprob import linalg


class Noise(nn.Module, ABC):
    """The law of a measurement y around the noiseless A(x). Levels are in units of [0, 1]."""

    @abstractmethod
    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        """y drawn around `clean` (no batch dimension)."""

    @abstractmethod
    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        """log p(y | clean) up to a constant in `clean`, of shape (B,)."""

    @abstractmethod
    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        """Squared standardised residual, averaged over the measurement, of shape (B,); 1 when the
        reconstruction explains the measurement up to its noise. NaN where there is no noise."""

    @abstractmethod
    def scale(self, y: Tensor) -> Tensor:
        """The standard deviation of each entry of y, estimated from y; shape of y."""


class Operator(nn.Module, ABC):
    """A measurement process, drawn once from its own seed and never redrawn."""

    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    noise: Noise

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """A(x): (B, *in_shape) → (B, *out_shape); differentiable, batch elements independent."""

    def measure(self, x: Tensor, rngs: Sequence[torch.Generator]) -> Tensor:
        """A(x) + noise; element b draws its noise from rngs[b]."""
        clean = self(x)
        rows = [self.noise.sample(c, rng) for c, rng in zip(clean, rngs, strict=True)]
        return torch.stack(rows)

    def log_likelihood(self, y: Tensor, x: Tensor) -> Tensor:
        """log p(y | x) up to a constant, of shape (B,)."""
        return self.noise.log_prob(y, self(x))

    def chi2(self, y: Tensor, x: Tensor) -> Tensor:
        """The misfit in units of the noise, of shape (B,): 1 is the noise level."""
        return self.noise.chi2(y, self(x))

    def observed(self, y: Tensor) -> Tensor:
        """A picture of the measurement, (B, C, h, w), for people to look at."""
        if y.dim() == 4:
            return y
        raise NotImplementedError


class LinearOperator(Operator):
    """A linear A. Override `adjoint` and `pinv` for speed, never for correctness."""

    def adjoint(self, y: Tensor) -> Tensor:
        """Aᵀy: (B, *out_shape) → (B, *in_shape); by default the vector–Jacobian product."""
        zero = torch.zeros((y.shape[0], *self.in_shape), dtype=y.dtype, device=y.device)
        _, vjp = torch.func.vjp(self.forward, zero)  # type: ignore[no-untyped-call]
        (x,) = vjp(y)
        assert isinstance(x, Tensor)
        return x

    def pinv(self, y: Tensor) -> Tensor:
        """A⁺y, the least-squares solution of least norm; by default CGLS from 0."""
        return linalg.cgls(self.forward, self.adjoint, y)

    def observed(self, y: Tensor) -> Tensor:
        return y if y.dim() == 4 else self.pinv(y)
