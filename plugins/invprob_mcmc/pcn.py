"""Preconditioned Crank-Nicolson: u′ = √(1 − β²) u + β ξ keeps the prior N(0, I) exactly.

So the likelihood alone decides: u′ is accepted with probability min(1, p(y|G(u′))/p(y|G(u))).
Neither needs gradients, and the acceptance does not fall as the dimension of u rises. Cotter,
Roberts, Stuart, White, MCMC methods for functions: modifying old algorithms to make them faster,
2013, arXiv:1202.0709.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.errors import Incompatible
from invprob.prior import LogDensity
from invprob.solver import Problem
from invprob.tree import Tree
from invprob_mcmc import target
from invprob_mcmc.chain import ChainState, MetropolisHastings
from invprob_mcmc.params import PCNParams
from invprob_mcmc.target import Point

TOLERANCE = 1e-3
"""The relative error of a log-density that rounding may explain."""


class PCN(MetropolisHastings):
    """Posterior samples by Crank-Nicolson proposals (Cotter et al., 2013, arXiv:1202.0709)."""

    params_type = PCNParams
    params: PCNParams
    longest = 1.0

    def init(self, problem: Problem) -> ChainState:
        state = super().init(problem)
        prior: LogDensity = problem.prior(0, LogDensity, "pcn")
        if not standard_normal(prior, state.at.u):
            raise Incompatible(
                f"pcn needs a prior that is N(0, 1) in every coordinate, and"
                f" {type(prior).__name__} as given is not",
                "use the prior gaussian with mean 0 and std 1, or the solver mala or hmc",
            )
        return state

    def _place(self, problem: Problem, u: Tree) -> Point:
        return target.likelihood(problem, u)

    def _propose(
        self, problem: Problem, at: Point, step_size: Tensor, rngs: Sequence[torch.Generator]
    ) -> tuple[Point, Tensor]:
        def move(u: Tensor, xi: Tensor) -> Tensor:
            beta = tree.per_element(step_size, u)
            return (1 - beta**2).sqrt() * u + beta * xi

        proposal = self._place(problem, tree.map(move, at.u, seeds.normal_from(at.u, rngs)))
        log_ratio = (at.nll - proposal.nll).nan_to_num(nan=-torch.inf)
        return proposal, log_ratio.clamp_max(0).exp()


def standard_normal(prior: LogDensity, like: Tree) -> bool:
    """Tell whether log p(x) − log p(0) is −½‖x‖², at draws of N(0, I) and where all x are 1.

    Args:
        prior: The prior.
        like: Latents, a tree with rows.

    Returns:
        Whether it is, up to rounding.
    """
    zero = tree.map(torch.zeros_like, like)
    normal = seeds.normal_like(like, range(tree.batch(like)), "standard")
    for x in (normal, tree.map(torch.ones_like, like)):
        expected = -0.5 * tree.dot(x, x)
        found = prior.log_density(x) - prior.log_density(zero)
        if not torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE):
            return False
    return True
