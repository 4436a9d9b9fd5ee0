"""Langevin dynamics on trees: the move, Metropolis' correction, the adaptation of the step size.

    u ← u − η P g + √(2 η P / β) ξ,    g = ∇U(u),  ξ ~ N(0, I)

For every fixed step size η and diagonal P > 0 the stationary distribution is exp(−β U) up to a bias
of order η, and exactly that when each move is accepted or rejected by Metropolis' rule (MALA;
Roberts and Tweedie, Exponential convergence of Langevin distributions and their discrete
approximations, Bernoulli 2(4), 1996).

All functions are pure. Trees have B rows, each of which is a chain of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from invprob import tree
from invprob.tree import Tree, X

GAIN = 2.0
"""Change of log η per unit of acceptance at the first step of the adaptation."""


@dataclass(frozen=True)
class Point:
    """A place of B chains.

    Attributes:
        u: Where they are, a tree with B rows.
        g: ∇U(u), a tree like u.
        energy: U(u) in nats, (B,); None where it is not known.
    """

    u: Tree
    g: Tree
    energy: Tensor | None = None


def langevin(
    u: X, g: X, preconditioner: X, step_size: Tensor, noise: X, inverse_temperature: float = 1.0
) -> X:
    """Make one move of overdamped Langevin dynamics.

    Args:
        u: Where the chains are, a tree with B rows.
        g: ∇U(u), a tree like u.
        preconditioner: The diagonal of P, positive, a tree like u.
        step_size: η of each chain, positive, (B,).
        noise: ξ, standard normal, a tree like u.
        inverse_temperature: β > 0.

    Returns:
        Where the chains go, a tree like u.
    """

    def leaf(u: Tensor, g: Tensor, P: Tensor, xi: Tensor) -> Tensor:
        step = tree.per_element(step_size, u) * P
        return u - step * g + (2 * step / inverse_temperature).sqrt() * xi

    return tree.map(leaf, u, g, preconditioner, noise)


def metropolis(
    before: Point,
    after: Point,
    preconditioner: Tree,
    step_size: Tensor,
    inverse_temperature: float = 1.0,
) -> Tensor:
    """Compute with which probability Metropolis' rule accepts a move of `langevin`.

    Args:
        before: Where the chains were, with their energy.
        after: Where the move leads, with its energy.
        preconditioner: The diagonal of P, a tree like u.
        step_size: η of each chain, (B,).
        inverse_temperature: β > 0.

    Returns:
        The probabilities (B,), in [0, 1]; 0 where an energy or gradient is not finite.
    """
    assert before.energy is not None
    assert after.energy is not None

    def cost(start: Point, end: Point) -> Tensor:
        """−log of the density of moving from start to end, up to what both directions share."""

        def leaf(e: Tensor, s: Tensor, g: Tensor, P: Tensor) -> Tensor:
            step = tree.per_element(step_size, e) * P
            return (e - s + step * g) / (4 * step / inverse_temperature).sqrt()

        residual = tree.map(leaf, end.u, start.u, start.g, preconditioner)
        return tree.dot(residual, residual)

    difference = inverse_temperature * (before.energy - after.energy)
    return _probability(difference + cost(before, after) - cost(after, before))


def pseudo_acceptance(
    g_before: Tree,
    g_after: Tree,
    preconditioner: Tree,
    step_size: Tensor,
    inverse_temperature: float = 1.0,
) -> Tensor:
    """Estimate what Metropolis' rule would say of a move, from gradients alone.

    With U(u′) − U(u) ≈ ½⟨g + g′, u′ − u⟩, which is exact for a quadratic U, the log ratio is
    −β η (⟨g′, P g′⟩ − ⟨g, P g⟩)/4. No density is needed.

    Args:
        g_before: The gradient g before the move, a tree.
        g_after: The gradient g′ after it, a tree.
        preconditioner: The diagonal of P, a tree.
        step_size: η of each chain, (B,).
        inverse_temperature: β > 0.

    Returns:
        Probabilities (B,), in [0, 1].
    """

    def energy(g: Tree) -> Tensor:
        return tree.dot(g, tree.map(torch.mul, preconditioner, g))

    change = energy(g_after) - energy(g_before)
    return _probability(-0.25 * inverse_temperature * step_size * change)


def adapt_step_size(step_size: Tensor, acceptance: Tensor, target: float, step: int) -> Tensor:
    """Move log η by the difference between acceptance and its target.

    Robbins and Monro, A stochastic approximation method, 1951. Changes shrink as 1/√step; the step
    size must stay fixed once draws count.

    Args:
        step_size: η of each chain, (B,).
        acceptance: The probability with which each chain's latest move was accepted, (B,).
        target: The acceptance to reach, in (0, 1); 0.574 is best for MALA in many dimensions
            (Roberts and Rosenthal, 1998).
        step: The number of steps adapted before.

    Returns:
        The step size (B,) for the next move.
    """
    return step_size * (GAIN / math.sqrt(step + 1) * (acceptance - target)).exp()


def trapezoid(before: Point, after: Point) -> Tensor:
    """Estimate U(u′) − U(u) from the gradients at both ends; exact for a quadratic U.

    Args:
        before: Where the chains were.
        after: Where they are.

    Returns:
        ½⟨g + g′, u′ − u⟩, (B,).
    """
    mean = tree.map(lambda a, b: (a + b) / 2, before.g, after.g)
    return tree.dot(mean, tree.map(torch.sub, after.u, before.u))


def simpson(start: X, end: X, fields: tuple[X, X, X]) -> Tensor:
    """Integrate a vector field along the straight line from start to end, by Simpson's rule.

    Args:
        start: A tree with B rows.
        end: A tree like it.
        fields: The field at the start, half-way and at the end, trees like it.

    Returns:
        The integral (B,); exact for the gradient of a polynomial of degree 4.
    """
    mean = tree.map(lambda a, b, c: (a + 4 * b + c) / 6, *fields)
    return tree.dot(mean, tree.map(torch.sub, end, start))


def _probability(log_ratio: Tensor) -> Tensor:
    return log_ratio.nan_to_num(nan=-torch.inf).clamp_max(0).exp()
