"""Hamiltonian Monte Carlo: trajectories of H(u, w) = U(u) + ½‖w‖², by the leapfrog.

    w ~ N(0, I);  L times:  w ← w − (h/2) ∇U(u),  u ← u + h w,  w ← w − (h/2) ∇U(u)

The end is accepted with probability min(1, exp(H − H′)). Neal, MCMC using Hamiltonian dynamics,
2011, arXiv:1206.1901. L is fixed; h is jittered, as his section 3.2 advises, so that trajectories
are not all periodic in some direction. The acceptance of 0.8 is that of Hoffman and Gelman, 2014,
arXiv:1111.4246. A step of the solver is a trajectory, of L gradients.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.numerics.kinetic import kick
from invprob.solver import Problem
from invprob.tree import Tree
from invprob_mcmc import target
from invprob_mcmc.chain import MetropolisHastings
from invprob_mcmc.params import HMCParams
from invprob_mcmc.target import Point

HOPELESS = 1000.0
"""Nats of energy error at which a trajectory ends and is rejected (Hoffman and Gelman, 2014): the
leapfrog is unstable there, and would soon leave what a number can hold."""


class HMC(MetropolisHastings):
    """Posterior samples by Hamiltonian trajectories (Neal, 2011, arXiv:1206.1901)."""

    params_type = HMCParams
    params: HMCParams

    def _place(self, problem: Problem, u: Tree) -> Point:
        return target.posterior(problem, u, "hmc")

    def _propose(
        self, problem: Problem, at: Point, step_size: Tensor, rngs: Sequence[torch.Generator]
    ) -> tuple[Point, Tensor]:
        p, P = self.params, tree.map(torch.ones_like, at.u)
        w = seeds.normal_from(at.u, rngs)
        h = step_size * (1 + p.jitter * (2 * seeds.uniform_from(step_size, rngs) - 1))
        error, alive = torch.zeros_like(h), torch.ones_like(h, dtype=torch.bool)
        for _ in range(p.leapfrog):
            half, first = kick(w, at.g, P, h)
            u = tree.map(lambda u, w: u + tree.per_element(h, u) * w, at.u, half)
            there = self._place(problem, u)
            full, last = kick(half, there.g, P, h)
            error = error + energy(there) - energy(at) + first + last
            alive = alive & (error < HOPELESS)
            at, w = tree.where(alive, (there, full), (at, w))
        return at, torch.where(alive, (-error).clamp_max(0).exp(), 0.0)


def energy(at: Point) -> Tensor:
    """U where chains are, (N,)."""
    assert at.energy is not None
    return at.energy
