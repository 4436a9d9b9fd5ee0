"""MALA: u′ = u − η ∇U(u) + √(2η) ξ, accepted or rejected by Metropolis' rule.

Roberts, Tweedie, Exponential convergence of Langevin distributions and their discrete
approximations, Bernoulli 2(4), 1996. The acceptance of 0.574 is best in many dimensions (Roberts,
Rosenthal, 1998).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.numerics import mcmc
from invprob.solver import Problem
from invprob.tree import Tree
from invprob_mcmc import target
from invprob_mcmc.chain import MetropolisHastings
from invprob_mcmc.params import MALAParams
from invprob_mcmc.target import Point


class MALA(MetropolisHastings):
    """Posterior samples by Langevin proposals (Roberts and Tweedie, 1996)."""

    params_type = MALAParams
    params: MALAParams

    def _place(self, problem: Problem, u: Tree) -> Point:
        return target.posterior(problem, u, "mala")

    def _propose(
        self, problem: Problem, at: Point, step_size: Tensor, rngs: Sequence[torch.Generator]
    ) -> tuple[Point, Tensor]:
        P = tree.map(torch.ones_like, at.u)
        xi = seeds.normal_from(at.u, rngs)
        proposal = self._place(problem, mcmc.langevin(at.u, at.g, P, step_size, xi))
        return proposal, mcmc.metropolis(at, proposal, P, step_size)
