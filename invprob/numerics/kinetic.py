"""Kinetic Langevin dynamics on trees: the pieces of a move, and how its step size is found.

A chain has a place u and a velocity w. With g = ∇U(u) and a damping γ they follow du = √P w dt and
dw = −√P g dt − γ w dt + √(2γ/β) dW. A move of BAOAB is `kick`, `drift`, a new gradient, `kick`:

    w ← w − (h/2) √P g                               kick (B)
    u ← u + (h/2) √P w                               drift (A)
    w ← c w + √((1 − c²)/β) ξ,   c = exp(−γ h)       damping (O)
    u ← u + (h/2) √P w                               drift (A)
    w ← w − (h/2) √P g′,         g′ = ∇U(u)          kick (B)

Its stationary distribution of u is off by order h², and exact where U is quadratic (Leimkuhler and
Matthews, Rational construction of stochastic numerical methods for molecular sampling, 2013,
arXiv:1203.5428).

All functions are pure. Trees have B rows, each of which is a chain of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from invprob import tree
from invprob.numerics.mcmc import Point
from invprob.tree import Tree, X

NEAR = 0.1
"""How far `curvature` looks, in units of P."""


def kick(velocity: X, g: X, preconditioner: X, step_size: Tensor) -> tuple[X, Tensor]:
    """Let the gradient act on the velocities for half a step.

    Args:
        velocity: w, a tree with B rows.
        g: ∇U where the chains are, a tree like w.
        preconditioner: The diagonal of P, positive, a tree like w.
        step_size: h of each chain, positive, (B,).

    Returns:
        The velocities, and by how much ½‖w‖² grew, (B,).
    """

    def leaf(w: Tensor, g: Tensor, P: Tensor) -> Tensor:
        return w - tree.per_element(step_size, w) / 2 * P.sqrt() * g

    after = tree.map(leaf, velocity, g, preconditioner)
    # (w′ − w)(w′ + w)/2, where two sums of squares would cancel
    change, middle = tree.map(torch.sub, after, velocity), tree.map(torch.add, after, velocity)
    return after, tree.dot(change, middle) / 2


def drift(
    u: X,
    velocity: X,
    preconditioner: X,
    step_size: Tensor,
    damping: float,
    noise: X,
    inverse_temperature: float = 1.0,
    normal: Sequence[bool] = (),
) -> tuple[X, X]:
    """Move for half a step, damp the velocities, move for half a step.

    A leaf of which U has the part ½‖u‖² may leave that part out of g. Instead of moving straight on
    it then rotates about 0, by an angle of h √P, which is exact for that part.

    Args:
        u: Where the chains are, a tree with B rows.
        velocity: w, a tree like u.
        preconditioner: The diagonal of P, positive, a tree like u.
        step_size: h of each chain, positive, (B,).
        damping: γ ≥ 0 per unit of time.
        noise: ξ, standard normal, a tree like u.
        inverse_temperature: β > 0.
        normal: Whether a leaf rotates, in the order of `tree.leaves`; none do if it is empty.

    Returns:
        Where the chains go, and their velocities.
    """
    turns = iter(normal or [False] * len(tree.leaves(u)))
    moved, velocities = [], []
    columns = (tree.leaves(part) for part in (u, velocity, preconditioner, noise))
    for x, w, P, xi in zip(*columns, strict=True):
        h, advance = tree.per_element(step_size, x), _turn if next(turns) else _straight
        time = h / 2 * P.sqrt()
        keep = (-damping * h).exp()
        x, w = advance(x, w, time)
        w = keep * w + ((1 - keep**2) / inverse_temperature).sqrt() * xi
        x, w = advance(x, w, time)
        moved.append(x)
        velocities.append(w)
    return tree.unflatten(u, moved), tree.unflatten(velocity, velocities)


def _straight(x: Tensor, w: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    return x + time * w, w


def _turn(x: Tensor, w: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    cos, sin = time.cos(), time.sin()
    return cos * x + sin * w, cos * w - sin * x


def curvature(
    gradient: Callable[[Tree], Tree], at: Point, preconditioner: Tree, direction: Tree
) -> tuple[Tensor, Tree]:
    """Make a power iteration for the largest curvature of U in the units of P, from gradients.

    Args:
        gradient: From a tree like u to ∇U there.
        at: Where the chains are.
        preconditioner: The diagonal of P, a tree like u.
        direction: Where to look, a tree like u, of any length.

    Returns:
        ‖√P H √P v‖ (B,) for the direction v of unit length, H the Hessian of U: at most its largest
        eigenvalue in absolute value, which it reaches when repeated; and √P H √P v, the direction
        to look next.
    """
    length = tree.dot(direction, direction).sqrt().clamp_min(1e-30)
    unit = tree.map(lambda v: v / tree.per_element(length, v), direction)
    there = tree.map(lambda u, P, v: u + NEAR * P.sqrt() * v, at.u, preconditioner, unit)
    image = tree.map(
        lambda a, b, P: P.sqrt() * (a - b) / NEAR, gradient(there), at.g, preconditioner
    )
    return tree.dot(image, image).sqrt(), image


def adapt_to_energy_error(
    step_size: Tensor, error: Tensor, mean: Tensor, step: int, target: float
) -> tuple[Tensor, Tensor]:
    """Find the step size of BAOAB at which the squared energy error has its target.

    The error ΔU + Δ½‖w‖², where damping does not count, is of order h³. So its square over h⁶ has a
    mean, and h follows from it; a single move at most halves or doubles it. The step size must stay
    fixed once draws count.

    Args:
        step_size: h of each chain, (B,).
        error: The squared energy error of its latest move, per dimension, (B,).
        mean: The mean of error/h⁶ so far, (B,).
        step: Of how many moves.
        target: The squared error to reach, > 0.

    Returns:
        The step size for the next move and the mean with this move, both (B,).
    """
    aim = target / step_size**6
    found = (error / step_size**6).nan_to_num(nan=torch.inf)
    mean = mean + (torch.minimum(found, 64 * aim) - mean) / (step + 1)
    return torch.minimum((target / mean) ** (1 / 6), 2 * step_size), mean
