"""Operators: y = A(x) + noise. The noise object that simulates is the one that scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from invprob.errors import BadInput
from invprob.numerics import linalg


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
        """A picture of the measurement, (B, C, h, w), for people to look at; y itself if it is one.

        An operator whose measurement is no picture overrides this, or shows grey.
        """
        return y if y.dim() == 4 else torch.full((len(y), *self.in_shape), 0.5)

    def from_picture(self, picture: Tensor) -> Tensor:
        """The measurement that a picture (B, C, h, w) holds; raises `BadInput`."""
        if len(self.out_shape) != 3:
            raise BadInput(
                f"a picture cannot be a measurement of {type(self).__name__.lower()}",
                "give its numbers as .safetensors, .npz or .npy",
            )
        channels, height, width = self.out_shape
        if picture.shape[1] == 1 and channels == 3:
            picture = picture.expand(-1, 3, -1, -1)
        if picture.shape[1] == 3 and channels == 1:
            luma = picture.new_tensor([0.299, 0.587, 0.114])
            picture = (picture * luma[:, None, None]).sum(1, True)
        if picture.shape[1:] != (channels, height, width):
            raise BadInput(
                f"the measurement is {picture.shape[3]}×{picture.shape[2]} pixels, the operator"
                f" gives {width}×{height}",
                f"give a picture of {width}×{height} pixels",
            )
        return picture


class LinearOperator(Operator):
    """A linear A. Override `adjoint` and `pinv` for speed, never for correctness."""

    def adjoint(self, y: Tensor) -> Tensor:
        """Aᵀy: (B, *out_shape) → (B, *in_shape); by default the vector–Jacobian product."""
        zero = torch.zeros((y.shape[0], *self.in_shape), dtype=y.dtype, device=y.device)
        vjp = torch.func.vjp(self.forward, zero)[1]
        (x,) = vjp(y)
        assert isinstance(x, Tensor)
        return x

    def pinv(self, y: Tensor) -> Tensor:
        """A⁺y, the least-squares solution of least norm; by default CGLS from 0."""
        return linalg.cgls(self.forward, self.adjoint, y)

    def observed(self, y: Tensor) -> Tensor:
        return y if y.dim() == 4 else self.pinv(y)


class Chain(Operator):
    """A_n ∘ … ∘ A_1."""

    def __init__(self, operators: Sequence[Operator]) -> None:
        super().__init__()
        self.operators = nn.ModuleList(operators)
        self.in_shape = operators[0].in_shape
        self.out_shape = operators[-1].out_shape

    def forward(self, x: Tensor) -> Tensor:
        for operator in self.operators:
            x = operator(x)
        return x

    def observed(self, y: Tensor) -> Tensor:
        for operator in reversed(self.operators):
            assert isinstance(operator, Operator)
            y = operator.observed(y)
            if y.dim() == 4:
                break
        return y

    def from_picture(self, picture: Tensor) -> Tensor:
        last = self.operators[-1]
        assert isinstance(last, Operator)
        return last.from_picture(picture)


class LinearChain(Chain, LinearOperator):
    """A chain of linear operators, itself linear."""

    def adjoint(self, y: Tensor) -> Tensor:
        for operator in reversed(self.operators):
            assert isinstance(operator, LinearOperator)
            y = operator.adjoint(y)
        return y


def compose(operators: Sequence[Operator]) -> Operator:
    """One operator that applies all of them in order."""
    if len(operators) == 1:
        return operators[0]
    linear = all(isinstance(operator, LinearOperator) for operator in operators)
    return LinearChain(operators) if linear else Chain(operators)
