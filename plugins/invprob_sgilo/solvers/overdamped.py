"""Overdamped Langevin dynamics, the update of the paper: u ← u − η P ∇U(u) + √(2 η P / β) ξ.

Daras, Dagan, Dimakis, Daskalakis, 2022, arXiv:2206.09104. P is measured once for each chain, and
its step size η is adapted to an acceptance during the burn-in.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.numerics import mcmc
from invprob_sgilo.solvers.params import SGILOParams
from invprob_sgilo.solvers.state import SGILOState
from invprob_sgilo.solvers.target import Target

SETTLING = 1
"""Gradients between the probes and the first move."""

FIRST = 0.1
"""The step size before it is adapted: P makes the curvature of the data term about 1."""

ADAPTING = 5
"""Moves that the step size needs to come down from `FIRST` to where chains are stable."""

HOPELESS = 1e-3
"""Proposals below this acceptance are rejected, so that a too large step cannot diverge. In
equilibrium at the default target acceptance this is one proposal in some thousands."""


def burn_in(p: SGILOParams, moves: int) -> int:
    """Count the moves before the draws.

    Args:
        p: The parameters of the solver.
        moves: All moves.

    Returns:
        How many come before the first draw.
    """
    fewest = 0 if p.step_size else min(ADAPTING, moves - 1)
    return max(int(p.burn_in * moves), fewest)


def settle(target: Target, state: SGILOState, i: int) -> SGILOState:
    """Find P = 1/(Fisher diagonal + λ), as the prior's spread is its unit; a first η; ∇U at u.

    Args:
        target: U.
        state: The state after the probes.
        i: The step, from 0 to `SETTLING` − 1.

    Returns:
        The state before the first move.
    """
    p, y = target.params, target.problem.y
    P = tree.map(
        lambda f: 1 / (p.inverse_temperature * f / p.fisher_probes + p.weight), state.fisher
    )
    eta = torch.full((len(y),), p.step_size or FIRST).to(y)
    return replace(state, fisher=None, P=P, eta=eta, at=target.point(state.u))


def move(
    target: Target, state: SGILOState, j: int, burn: int
) -> tuple[SGILOState, dict[str, Tensor]]:
    """Make a move.

    Args:
        target: U.
        state: Where the chains are.
        j: The move, counted from 0.
        burn: The first move that counts as a draw.

    Returns:
        Where they go, and the metrics of the move.
    """
    p, before, P, eta = target.params, state.at, state.P, state.eta
    assert before is not None
    beta = p.inverse_temperature
    rngs = [seeds.stream(key, "langevin", j) for key in target.noise_keys]
    xi = seeds.normal_from(before.u, rngs)
    after = target.point(mcmc.langevin(before.u, before.g, P, eta, xi, beta))
    if p.metropolis == "none":
        chance = mcmc.pseudo_acceptance(before.g, after.g, P, eta, beta)
        accepted = chance > HOPELESS
    else:
        change = target.change(before, after)
        here, there = (
            replace(before, energy=torch.zeros_like(change)),
            replace(after, energy=change),
        )
        chance = mcmc.metropolis(here, there, P, eta, beta)
        accepted = seeds.uniform_from(chance, rngs) < chance
    at = tree.where(accepted, after, before)
    if j < burn and p.step_size is None:
        eta = mcmc.adapt_step_size(eta, chance, p.target_accept, j)
    return replace(state, u=at.u, at=at, eta=eta), {"step_size": eta, "acceptance": chance}
