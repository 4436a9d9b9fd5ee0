"""Kinetic Langevin dynamics: chains with a velocity, moved by BAOAB.

    du = √P w dt,    dw = −√P ∇U(u) dt − γ w dt + √(2γ/β) dW

Leimkuhler and Matthews, 2013, arXiv:1203.5428. A move costs one gradient, as in overdamped
dynamics, and goes further: a chain crosses the posterior in about 1/h moves rather than in 1/h².

P and the step size h are those of all chains of a measurement. The largest curvature of U caps h.
The first half of the burn-in moves at half the cap, until chains that annealing left in a minimum
have the energy of the posterior; the second half adapts h to the energy error of a move.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.numerics import kinetic
from invprob.tree import X
from invprob_sgilo.solvers.langevin import pooled
from invprob_sgilo.solvers.params import SGILOParams
from invprob_sgilo.solvers.state import SGILOState
from invprob_sgilo.solvers.target import Target

ITERATIONS = 4
"""Gradients that look for the largest curvature; the last finds it to some 20 %."""

SETTLING = 1 + ITERATIONS
"""Gradients between the probes and the first move."""

STABLE = 1.2
"""h √(largest curvature) at most; BAOAB is stable below 2."""

STIFFEST = 1e6
"""The largest curvature that is believed."""

HOPELESS, DEVIATIONS = 20.0, 5.0
"""Without Metropolis, moves whose energy error exceeds both are rejected: nats, and standard
deviations of what the step size is adapted to. In equilibrium there are none."""

THERMOSTAT = 2.0
"""The least damping while chains take up, or give off, the energy that annealing left them."""

FLAT = 0.01
"""The least curvature of the prior that P assumes: λ may be 0."""

FASTEST = 8.0
"""How many times faster than the rest noise maps rotate at most, if the data leave them free."""


def burn_in(p: SGILOParams, moves: int) -> int:
    """Count the moves before the draws.

    Args:
        p: The parameters of the solver.
        moves: All moves.

    Returns:
        How many come before the first draw.
    """
    return int(p.burn_in * moves)


def settle(target: Target, state: SGILOState, i: int) -> SGILOState:
    """Find P, velocities and ∇U at u, then by power iterations the largest curvature, then h.

    Args:
        target: U.
        state: The state after the probes.
        i: The step, from 0 to `SETTLING` − 1.

    Returns:
        The state after it.
    """
    p, samples = target.params, target.problem.num_samples
    if i == 0:
        velocity = seeds.normal_like(state.u, target.problem.keys, "velocity")
        return replace(
            state,
            fisher=None,
            P=_preconditioner(target, pooled(state.fisher, samples)),
            at=target.point(state.u),
            velocity=tree.map(lambda w: w / math.sqrt(p.inverse_temperature), velocity),
            direction=seeds.normal_like(state.u, target.problem.keys, "curvature"),
        )
    assert state.at is not None
    found, direction = kinetic.curvature(
        lambda u: target.point(u).g, state.at, state.P, state.direction
    )
    if i < ITERATIONS:
        return replace(state, direction=direction)
    of_each = found.nan_to_num(nan=torch.inf).clamp(1.0, STIFFEST).reshape(-1, samples)
    curvature = of_each.amax(1).repeat_interleave(samples)
    cap = STABLE / curvature.sqrt()
    h = cap / 2 if p.step_size is None else torch.full_like(cap, p.step_size)
    return replace(
        state,
        P=_within_a_quarter(target, state.P, torch.maximum(cap, h)),
        direction=None,
        curvature=curvature,
        eta=h,
        error=torch.zeros_like(h),
    )


def _preconditioner(target: Target, fisher: X) -> X:
    """1/(Fisher diagonal + λ), and for noise maps as much more as the data leave them free."""
    p = target.params
    flags = iter(target.normal(fisher))

    def leaf(f: Tensor) -> Tensor:
        f = f / p.fisher_probes
        if not next(flags):
            return 1 / (f + max(p.weight, FLAT))
        most = f.flatten(1).amax(1)
        return tree.per_element((1 / most).clamp(1.0, FASTEST**2), f) / (f + 1)

    return tree.map(leaf, fisher)


def _within_a_quarter(target: Target, P: X, h: Tensor) -> X:
    """P at which noise maps turn by a quarter at most in a move."""
    flags = iter(target.normal(P))

    def leaf(f: Tensor) -> Tensor:
        quarter = tree.per_element((math.pi / 2 / h) ** 2, f)
        return torch.minimum(f, quarter) if next(flags) else f

    return tree.map(leaf, P)


def move(
    target: Target, state: SGILOState, j: int, burn: int
) -> tuple[SGILOState, dict[str, Tensor]]:
    """Make a move; a chain that rejects it turns round (Horowitz, 1991).

    Args:
        target: U.
        state: Where the chains are.
        j: The move, counted from 0.
        burn: The first move that counts as a draw.

    Returns:
        Where they go, and the metrics of the move.
    """
    p, before, P, h = target.params, state.at, state.P, state.eta
    assert before is not None
    rngs = [seeds.stream(key, "langevin", j) for key in target.noise_keys]
    xi, normal = seeds.normal_from(before.u, rngs), target.normal(before.u)
    damping = p.damping if j >= burn // 2 else max(p.damping, THERMOSTAT)

    w, first = kinetic.kick(state.velocity, before.g, P, h)
    u, w = kinetic.drift(before.u, w, P, h, damping, xi, p.inverse_temperature, normal)
    after = target.point(u)
    w, last = kinetic.kick(w, after.g, P, h)

    error = p.inverse_temperature * (target.change(before, after) + first + last)
    error = error.nan_to_num(nan=torch.inf)
    chance = (-error).clamp_max(0).exp()
    leaves = zip(tree.leaves(u), normal, strict=True)
    dim = sum(leaf[0].numel() for leaf, apart in leaves if not apart)
    if p.metropolis == "none":
        accepted = error < HOPELESS + DEVIATIONS * math.sqrt(p.energy_error * dim)
    else:
        accepted = seeds.uniform_from(chance, rngs) < chance
    at = tree.where(accepted, after, before)
    turned = tree.map(torch.neg, state.velocity)
    moved = replace(state, u=at.u, at=at, velocity=tree.where(accepted, w, turned))
    if p.step_size is None and burn // 2 <= j < burn:
        square = pooled(error**2 / dim, target.problem.num_samples)
        h, mean = kinetic.adapt_to_energy_error(
            h, square, state.error, j - burn // 2, p.energy_error
        )
        h = torch.minimum(h, STABLE / state.curvature.sqrt())
        moved = replace(moved, eta=h, error=mean)
    return moved, {"step_size": h, "acceptance": chance}
