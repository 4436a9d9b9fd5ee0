"""U = nll − λ log p over the latents of a stage: what annealing descends and Langevin samples.

nll is −log p(y|G(u)) of the operator's own noise. The prior is read at the noise level `t_end`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from invprob import tree
from invprob.diffusion import samplers
from invprob.latents import roles, stages
from invprob.latents.stages import StagedChain
from invprob.numerics import mcmc
from invprob.prior import LogDensity
from invprob.problem import Problem
from invprob.tree import Tree
from invprob_sgilo.solvers.params import SGILOParams


class Fit(NamedTuple):
    """The data term at u: its gradient, the image, −log p(y|u)."""

    slope: Tree
    image: Tensor
    nll: Tensor


@dataclass(frozen=True)
class Point(mcmc.Point):
    """A chain's place with its image (N, C, H, W), the nll (N,), and the score where it is used."""

    image: Tensor = field(kw_only=True)
    nll: Tensor | None = field(default=None, kw_only=True)
    score: Tree = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Target:
    """U of one round, row by row.

    Args:
        problem: The problem, with N rows.
        chain: The problem as seen stage by stage.
        round_index: The round.
        params: The parameters of the solver.
    """

    problem: Problem
    chain: StagedChain
    round_index: int
    params: SGILOParams

    @property
    def noise_keys(self) -> tuple[int, ...]:
        """The random key of each row's moves: its own, or of coupled chains that of the first."""
        keys, samples = self.problem.keys, self.problem.num_samples
        if not self.params.coupled:
            return keys
        return tuple(keys[row - row % samples] for row in range(len(keys)))

    def fit(self, u: Tree) -> Fit:
        """Compute the data term and its gradient, one pass forwards and one backwards.

        Args:
            u: A tree with N rows, in the units of the prior.

        Returns:
            Gradient, image and nll.
        """
        with torch.enable_grad():
            leaf = tree.variables(u)
            image = self.chain.image(self.round_index, leaf)
            nll = -self.problem.operator.log_likelihood(self.problem.y, image)
            slope = stages.gradient(nll, leaf)
        return Fit(slope, image.detach(), nll.detach())

    def score(self, u: Tree) -> Tree:
        """Compute ∇ log p(u); 0 in the leaves that are `normal`.

        Args:
            u: A tree with N rows.

        Returns:
            A tree like u.
        """
        prior = self.chain.prior(self.round_index)
        s: Tree = prior.smoothed(u, samplers.rows(self.params.t_end, u))
        flags = iter(self.normal(u))
        return tree.map(lambda v: torch.zeros_like(v) if next(flags) else v, s)

    def normal(self, u: Tree) -> tuple[bool, ...]:
        """Tell which leaves are noise maps, whose prior kinetic dynamics keeps without a gradient.

        They are N(0, 1) by construction and keep their weight 1 whatever λ is.

        Args:
            u: A tree with N rows.

        Returns:
            A truth value for each leaf.
        """
        apart = self.params.dynamics == "kinetic"
        return tuple(apart and role == "noise" for role in roles.of_leaves(u))

    def point(self, u: Tree) -> Point:
        """Compute ∇U at u; with Metropolis also what `change` needs.

        Args:
            u: A tree with N rows.

        Returns:
            The point.
        """
        p, fit, score = self.params, self.fit(u), self.score(u)
        g = tree.map(lambda a, s: a - p.weight * s, fit.slope, score)
        energy = self._energy(u, fit.nll) if p.metropolis == "density" else None
        kept = score if p.metropolis == "line" else None
        return Point(u, g, energy, image=fit.image, nll=fit.nll, score=kept)

    def _energy(self, u: Tree, nll: Tensor) -> Tensor:
        prior = density(self.problem, self.params.stages[self.round_index])
        log_density = prior.log_density(self.chain.prior(self.round_index).restore(u))
        for leaf, apart in zip(tree.leaves(u), self.normal(u), strict=True):
            if apart:
                log_density = log_density + 0.5 * leaf.square().flatten(1).sum(1)
        return nll - self.params.weight * log_density

    def change(self, before: Point, after: Point) -> Tensor:
        """Compute U(u′) − U(u), but for the prior of leaves that are `normal`.

        With a density it is exact. With ``metropolis=line`` the data term is exact, and the prior's
        is a line integral of the score by Simpson's rule, for which the score is evaluated once
        more. Without Metropolis the gradients at both ends have to do.

        Args:
            before: Where the chains were.
            after: Where they are.

        Returns:
            The change in nats, (N,).
        """
        if before.energy is not None and after.energy is not None:
            return after.energy - before.energy
        if before.nll is None or after.nll is None or before.score is None:
            return mcmc.trapezoid(before, after)
        middle = self.score(tree.map(lambda a, b: (a + b) / 2, before.u, after.u))
        gain = mcmc.simpson(before.u, after.u, (before.score, middle, after.score))
        return after.nll - before.nll - self.params.weight * gain


def density(problem: Problem, stage: int) -> LogDensity[Tree]:
    """The density by which ``metropolis=density`` accepts.

    Args:
        problem: The problem.
        stage: The stage of the round.

    Returns:
        The prior of the stage.

    Raises:
        Incompatible: If the prior of the stage has no density.
    """
    prior: LogDensity[Tree] = problem.prior(stage, LogDensity, "sgilo with metropolis=density")
    return prior
