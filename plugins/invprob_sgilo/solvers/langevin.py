"""Preconditioned Langevin dynamics on trees, for a diagonal preconditioner that stays fixed.

    u ← u − η P g + √(2 η P / β) ξ,    g = ∇U(u),  ξ ~ N(0, I)

has the stationary law exp(−β U) up to a bias of order η for every fixed P > 0, and exactly that law
when every move is accepted or rejected by Metropolis' rule (MALA; Roberts and Tweedie, 1996).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from invprob import tree
from invprob.latents import stages
from invprob.operator import Operator

FIRST = 0.1
"""The step size before it is adapted: P makes the curvature of the data term about 1."""

ADAPTING = 5
"""Moves that the step size needs to come down from `FIRST` to where chains are stable."""

GAIN = 2.0
HOPELESS = 1e-3
"""Proposals below this acceptance are rejected, so that a too large step cannot diverge. In
equilibrium at the default target acceptance this is one proposal in some thousands."""


@dataclass(frozen=True)
class Point:
    """A chain's place u, ∇U there, its image, and U (N,) where it is known."""

    u: Any
    g: Any
    image: Tensor
    energy: Tensor | None = None


def move(u: Any, g: Any, P: Any, eta: Tensor, beta: float, xi: Any) -> Any:
    """One step; eta is (N,), the other arguments are trees like u."""

    def leaf(u: Tensor, g: Tensor, P: Tensor, xi: Tensor) -> Tensor:
        step = tree.per_element(eta, u) * P
        return u - step * g + (2 * step / beta).sqrt() * xi

    return tree.map(leaf, u, g, P, xi)


def metropolis(before: Point, after: Point, P: Any, eta: Tensor, beta: float) -> Tensor:
    """The probability (N,) with which Metropolis' rule accepts the move `before` → `after`."""
    assert before.energy is not None
    assert after.energy is not None

    def cost(start: Point, end: Point) -> Tensor:
        """−log of the density of moving from start to end, up to what both directions share."""

        def leaf(e: Tensor, s: Tensor, g: Tensor, P: Tensor) -> Tensor:
            step = tree.per_element(eta, e) * P
            return (e - s + step * g) / (4 * step / beta).sqrt()

        residual = tree.map(leaf, end.u, start.u, start.g, P)
        return tree.dot(residual, residual)

    gain = beta * (before.energy - after.energy) + cost(before, after) - cost(after, before)
    return gain.nan_to_num(nan=-torch.inf).clamp_max(0).exp()


def choose(accept: Tensor, new: Point, old: Point) -> Point:
    """`new` in the rows that accept it, `old` in the others."""
    chosen: Point = tree.where(accept, new, old)
    return chosen


def acceptance(before: Any, after: Any, P: Any, eta: Tensor, beta: float) -> Tensor:
    """What Metropolis' rule would say of a move, from the gradients g before and g′ after it.

    With U(u′) − U(u) ≈ ½⟨g + g′, u′ − u⟩ (exact for a quadratic U) the log ratio is
    −β η (⟨g′, P g′⟩ − ⟨g, P g⟩)/4; no density is needed. The result is (N,).
    """

    def energy(g: Any) -> Tensor:
        return tree.dot(g, tree.map(torch.mul, P, g))

    gain = -0.25 * beta * eta * (energy(after) - energy(before))
    return gain.nan_to_num(nan=-torch.inf).clamp_max(0).exp()


def adapted(eta: Tensor, chance: Tensor, target: float, j: int) -> Tensor:
    """η after step j of the burn-in: log η follows chance − target, by Robbins and Monro (1951)."""
    return eta * (GAIN / math.sqrt(j + 1) * (chance - target)).exp()


def fisher_probe(
    A: Operator, image_of: Callable[[Any], Tensor], u: Any, rngs: list[torch.Generator]
) -> tuple[Any, Tensor]:
    """(the square of ∇ log p(y'|u) for one fresh y' ~ p(y|u), the image at u).

    Its mean over many probes is the diagonal of the Fisher information of y about u: for Gaussian
    noise the diagonal of JᵀJ/σ², J the Jacobian of A∘G.
    """
    with torch.enable_grad():
        leaf = tree.map(lambda v: v.detach().requires_grad_(), u)
        image = image_of(leaf)
        clean = A(image)
        rows = zip(clean.detach().cpu(), rngs, strict=True)
        y = torch.stack([A.noise.sample(row, rng) for row, rng in rows]).to(clean)
        slope = stages.gradient(A.noise.log_prob(y, clean), leaf)
    return tree.map(torch.square, slope), image.detach()
