"""Preconditioned Langevin dynamics on trees, for a diagonal preconditioner that stays fixed.

    x ← x − η P g + √(2 η P / β) u,    g = ∇U(x),  u ~ N(0, I)

has the stationary law exp(−β U) up to a bias of order η for every fixed P > 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from invprob import tree
from invprob.operator import Operator

NUDGE = 1.0


def move(x: Any, g: Any, P: Any, eta: Tensor, beta: float, u: Any) -> Any:
    """One step; eta is (N,), the other arguments are trees like x."""

    def leaf(x: Tensor, g: Tensor, P: Tensor, u: Tensor) -> Tensor:
        step = tree.per_element(eta, x) * P
        return x - step * g + (2 * step / beta).sqrt() * u

    return tree.map(leaf, x, g, P, u)


def energy(g: Any, P: Any) -> Tensor:
    """⟨g, P g⟩, of shape (N,)."""
    return tree.dot(g, tree.map(torch.mul, P, g))


def acceptance(before: Tensor, after: Tensor, eta: Tensor, beta: float) -> Tensor:
    """The Metropolis acceptance of a move from its energies ⟨g, P g⟩ before and after.

    With U(x') − U(x) ≈ ½⟨g + g', x' − x⟩ (exact for a quadratic U) the log ratio of the
    Metropolis-adjusted algorithm is −β η (⟨g', P g'⟩ − ⟨g, P g⟩)/4; no density is needed.
    """
    return (-0.25 * beta * eta * (after - before)).clamp_max(0).exp()


def fisher_diagonal(
    A: Operator,
    image_of: Callable[[Any], Tensor],
    x: Any,
    rngs: list[torch.Generator],
    probes: int,
) -> Any:
    """The diagonal of the Fisher information of y about x, (N, …) like x.

    It is the mean square of ∇ log p(y'|x) over fresh measurements y' ~ p(y|x): for Gaussian noise
    the diagonal of JᵀJ/σ², J the Jacobian of A∘G.
    """
    total = tree.map(torch.zeros_like, x)
    with torch.enable_grad():
        leaf = tree.map(lambda v: v.detach().requires_grad_(), x)
        clean = A(image_of(leaf))
        for probe in range(probes):
            rows = zip(clean.detach().cpu(), rngs, strict=True)
            y = torch.stack([A.noise.sample(row, rng) for row, rng in rows]).to(clean)
            fit = A.noise.log_prob(y, clean).sum()
            grads = torch.autograd.grad(fit, tree.leaves(leaf), retain_graph=probe + 1 < probes)
            total = tree.map(lambda t, g: t + g**2, total, tree.unflatten(x, list(grads)))
    return tree.map(lambda t: t / probes, total)


def largest_curvature(
    gradient: Callable[[Any], Any], x: Any, g: Any, P: Any, v: Any, iterations: int
) -> Tensor:
    """The largest eigenvalue of P^½ H P^½, H the Hessian of U at x, by power iteration, (N,).

    H acts through differences of gradients; `v` is the random start, a tree like x.
    """
    root = tree.map(torch.sqrt, P)
    value = torch.ones(tree.batch(x), device=tree.leaves(x)[0].device)
    for _ in range(iterations):
        norm = tree.dot(v, v).sqrt().clamp_min(1e-12)
        v = tree.map(lambda leaf, n=norm: leaf / tree.per_element(n, leaf), v)
        ahead = tree.map(lambda leaf, r, d: leaf + NUDGE * r * d, x, root, v)
        Hv = tree.map(lambda a, b, r: r * (a - b) / NUDGE, gradient(ahead), g, root)
        value = tree.dot(v, Hv)
        v = Hv
    return value.abs().clamp_min(1e-6)
