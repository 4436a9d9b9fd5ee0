"""Metropolis' rule: propose, accept or stay; adapt the step size in the burn-in, then freeze it.

Metropolis, Rosenbluth, Rosenbluth, Teller, Teller, Equation of state calculations by fast computing
machines, 1953; Hastings, 1970. Every row is a chain of its own with a step size of its own.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.latents import stages
from invprob.numerics import mcmc
from invprob.solver import Info, Problem, Progress, Result, Solver, SummedState
from invprob.tree import Tree
from invprob_mcmc.params import ChainParams
from invprob_mcmc.target import Point

FIRST = 0.1
"""The step size before it is adapted."""


@dataclass(frozen=True, kw_only=True)
class ChainState(SummedState):
    """Where the chains are and the step size of each, (N,)."""

    at: Point
    step_size: Tensor


class MetropolisHastings(Solver[ChainState]):
    """Chains on the input of the generator, or on images; a subclass says what it proposes."""

    returns = "sample"
    states = (ChainState, Point)
    params_type = ChainParams
    params: ChainParams
    longest: ClassVar[float] = math.inf
    """The longest step that adaptation may find."""

    @abstractmethod
    def _place(self, problem: Problem, u: Tree) -> Point:
        """Compute what proposals need to know of a place.

        Args:
            problem: The problem, with N rows.
            u: A tree with N rows.

        Returns:
            The point.
        """

    @abstractmethod
    def _propose(
        self, problem: Problem, at: Point, step_size: Tensor, rngs: Sequence[torch.Generator]
    ) -> tuple[Point, Tensor]:
        """Propose where the chains go.

        Args:
            problem: The problem, with N rows.
            at: Where they are.
            step_size: The step size of each, (N,).
            rngs: The random generator of each row; it moves on.

        Returns:
            The proposals, and the probabilities (N,) with which they are accepted.
        """

    def total(self, problem: Problem) -> int:
        return self.params.steps

    def init(self, problem: Problem) -> ChainState:
        u = stages.draws(problem.generator, 0, problem.keys, "start")
        at = self._place(problem, tree.map(lambda leaf: leaf.to(problem.y), u))
        return ChainState(at=at, step_size=torch.full_like(at.nll, self.params.step_size or FIRST))

    def step(self, problem: Problem, state: ChainState) -> Progress:
        p, j, step_size = self.params, state.step, state.step_size
        rngs = [seeds.stream(key, "move", j) for key in problem.keys]
        proposal, chance = self._propose(problem, state.at, step_size, rngs)
        at = tree.where(seeds.uniform_from(chance, rngs) < chance, proposal, state.at)
        if p.step_size is None and j < p.burn:
            adapted = mcmc.adapt_step_size(step_size, chance, p.target_accept, j)
            step_size = adapted.clamp_max(self.longest)

        after = replace(state, step=j + 1, at=at, step_size=step_size)
        draw = j >= p.burn and (j - p.burn + 1) % p.thin == 0
        metrics = {
            "chi2": problem.operator.chi2(problem.y, at.image),
            "nll": at.nll,
            "step_size": step_size,
            "acceptance": chance,
        }
        info = Info(at.image, 0, metrics, draw=draw, latent=at.u)
        return Progress(after.counted(at.image) if draw else after, info)

    def result(self, problem: Problem, state: ChainState) -> Result:
        return state.summary(state.at.image)
