"""Least R(x) = ‖D x‖ over images in [0, 1] that fit y: the primal-dual method.

    p ← project(p + s D x̄),  q ← prox(q + t (A x̄ − y)),
    x' ← clip(x − τ (Dᵀ p + Aᵀ q)),  x̄ ← 2x' − x

Chambolle, Pock, A first-order primal-dual algorithm for convex problems with applications to
imaging, Journal of Mathematical Imaging and Vision 40, 2011 (algorithm 1). D is a linear analysis
of images and ‖·‖ a sum of norms of groups of its coefficients, whose dual ball p is projected on.
Of the coefficients only p is kept: D x̄ and D x are computed anew, one part after another.
With a weight w the objective is R(x) + ‖A x − y‖²/2w, and prox(q) = q / (1 + t w). Without one it
is R(x) subject to ‖A x − y‖ ≤ σ √m, which is χ² ≤ 1 (the discrepancy principle: Morozov, 1966), and
prox(q) shrinks the norm of q by t σ √m.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from invprob import seeds
from invprob.operator import LinearOperator


class Analysis(Protocol):
    """The linear map D of images (B, C, H, W) and the norm of what it gives, part by part."""

    square_norm: float
    """A bound on ‖D‖²."""
    weights: Sequence[float]
    """The weight of the groups of each part in the sum."""

    def parts(self, x: Tensor) -> Iterator[Tensor]:
        """D x, each part when it is asked for; no group is in two parts."""
        ...

    def adjoint(self, p: Sequence[Tensor]) -> Tensor:
        """Dᵀ p."""
        ...

    def magnitude(self, p: Tensor) -> Tensor:
        """The norm of every group of a part, which broadcasts over it."""
        ...


@dataclass(frozen=True)
class Iterate:
    """Where the method is, for B measurements.

    Attributes:
        x: The images (B, C, H, W).
        measured: A x.
        p: The dual variables of the parts of D x, ready for the next step.
        q: The dual variables of A x, likewise.
        least: The least of ⟨Dᵀ p + Aᵀ q, x⟩ over images in [0, 1], of the step before, (B,).
        price: What q costs in the dual objective, of the step before, (B,).
    """

    x: Tensor
    measured: Tensor
    p: tuple[Tensor, ...]
    q: Tensor
    least: Tensor
    price: Tensor


@dataclass(frozen=True)
class Convex:
    """A convex problem.

    Attributes:
        A: What is measured.
        y: The measurements (B, *A.out_shape).
        analysis: D and its norm.
        weight: w, or None for the constraint.
        radius: σ √m.
    """

    A: LinearOperator
    y: Tensor
    analysis: Analysis
    weight: float | None
    radius: float

    def start(self, tau: float, square: float) -> Iterate:
        """Begin at the grey image that fits y best.

        Args:
            tau: The primal step size τ > 0.
            square: A bound on ‖A‖².

        Returns:
            The first iterate.
        """
        seen = self.A(self.y.new_ones(1, *self.A.in_shape))
        grey = (self.y * seen).flatten(1).sum(1) / seen.square().sum().clamp_min(1e-12)
        x = grey.clamp(0, 1)[:, None, None, None].expand(-1, *self.A.in_shape)
        a, none = self.A(x), torch.zeros_like(grey)
        # not beside the parts: what stays between large tensors that go splits the memory for good
        still = tuple(x.new_zeros(shape) for shape in [d.shape for d in self.analysis.parts(x)])
        s, t = self._dual_steps(tau, square)
        q = self._fitted(torch.zeros_like(a), a, t)
        return Iterate(x, a, self._projected(still, x, s), q, none, none)

    def step(self, at: Iterate, tau: float, square: float) -> Iterate:
        """Make one step.

        Args:
            at: The iterate.
            tau: The primal step size τ > 0.
            square: A bound on ‖A‖².

        Returns:
            The next iterate.
        """
        slope = self.analysis.adjoint(at.p).add_(self.A.adjoint(at.q))
        least = slope.clamp_max(0).flatten(1).sum(1)
        # of a large photograph there is room for few images: this one becomes the next iterate
        x = slope.mul_(-tau).add_(at.x).clamp_(0, 1)
        a = self.A(x)
        s, t = self._dual_steps(tau, square)
        q = self._fitted(at.q, (2 * a).sub_(at.measured), t)
        p = self._projected(at.p, (2 * x).sub_(at.x), s)
        return Iterate(x, a, p, q, least, self._price(at.q))

    def _dual_steps(self, tau: float, square: float) -> tuple[float, float]:
        """s and t with τ (s ‖D‖² + t ‖A‖²) = 1, half of it for each."""
        return 1 / (2 * tau * self.analysis.square_norm), 1 / (2 * tau * square)

    def _fitted(self, q: Tensor, a: Tensor, t: float) -> Tensor:
        """q after a step up, where a is A of the extrapolated images."""
        q = (a - self.y).mul_(t).add_(q)
        return shrunk(q, t * self.radius) if self.weight is None else q.div_(1 + t * self.weight)

    def _projected(self, p: tuple[Tensor, ...], x: Tensor, s: float) -> tuple[Tensor, ...]:
        """p + s D x in the dual ball, part by part, where x are the extrapolated images."""
        D, found = self.analysis, tuple(torch.empty_like(part) for part in p)
        for before, d, weight, after in zip(p, D.parts(x), D.weights, found, strict=True):
            torch.mul(d, s, out=after).add_(before)
            after.div_((D.magnitude(after) / weight).clamp_min(1))
        return found

    def _price(self, q: Tensor) -> Tensor:
        flat = q.flatten(1)
        if self.weight is None:
            price: Tensor = self.radius * flat.norm(dim=1)
        else:
            price = self.weight / 2 * flat.square().sum(1)
        return (flat * self.y.flatten(1)).sum(1) + price

    def objective(self, at: Iterate) -> Tensor:
        """The objective of x; without a weight, R(x) whether x fits or not.

        Args:
            at: The iterate.

        Returns:
            One number per image, (B,).
        """
        regulariser = torch.zeros_like(at.least)
        for d, weight in zip(self.analysis.parts(at.x), self.analysis.weights, strict=True):
            regulariser = regulariser + weight * self.analysis.magnitude(d).flatten(1).sum(1)
        if self.weight is None:
            return regulariser
        gap = (at.measured - self.y).flatten(1)
        return regulariser + gap.square().sum(1) / (2 * self.weight)

    def bound(self, at: Iterate) -> Tensor:
        """A lower bound on the objective of all images in [0, 1] (that fit), by duality.

        Args:
            at: The iterate.

        Returns:
            One number per image, (B,).
        """
        return at.least - at.price


def shrunk(q: Tensor, by: float) -> Tensor:
    """Shorten vectors by a length, to 0 at most.

    Args:
        q: Vectors (B, …).
        by: The length, ≥ 0.

    Returns:
        Vectors (B, …).
    """
    norm = q.flatten(1).norm(dim=1).reshape(-1, *[1] * (q.dim() - 1))
    return q * (1 - by / norm.clamp_min(by)) if by > 0 else q


def square_norm(A: LinearOperator, like: Tensor, steps: int = 30) -> float:
    """Estimate ‖A‖² by the power method, with a margin of a twentieth.

    Args:
        A: The operator.
        like: A tensor of the precision and on the device to compute with.
        steps: Applications of AᵀA.

    Returns:
        A number that ‖A‖² does not exceed in practice, > 0.
    """
    x = torch.rand((1, *A.in_shape), generator=seeds.stream("power method")).to(like)
    for _ in range(steps):
        x = A.adjoint(A(x / x.norm().clamp_min(1e-30)))
    return max(1.05 * float(x.norm()), 1e-12)
