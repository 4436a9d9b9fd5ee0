"""SGILO as released: Adam on the squared error, a small prior step, fixed noise, the sphere.

The loop that the authors' code runs, for comparison with it; its stationary distribution is not
stated. Round by round, at every step: Adam on the mean squared error of the measurement; then
u ← u + strength·Δ + noise·ξ, where Δ is the mean of one Euler–Maruyama step of the reverse equation
at t = 0.01, in the units of the published networks where these are the prior; then style codes and
noise maps are put back on the sphere of their start. Features have no projection. Its LPIPS and
geodesic terms need weights and a mapping of w that we do not have, and are left out; its operator
is drawn once here, not anew in every round.

Daras, Dagan, Dimakis, Daskalakis, 2022, arXiv:2206.09104.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.diffusion import samplers, sde
from invprob.generator import Generator, Role
from invprob.latents import roles, stages
from invprob.latents.stages import StagedChain
from invprob.numerics import adam
from invprob.numerics.adam import Moments
from invprob.prior import Score
from invprob.solver import Info, Problem, Progress, Result, Solver, State
from invprob.tree import Tree
from invprob_sgilo.solvers.params import ReleasedParams

TIME, GRID = 0.01, 1000

CODES = ("input", "codes")
"""Roles of leaves that hold codes (B, …, dim), each of which has a sphere along its last axis."""


@runtime_checkable
class OwnStep(Protocol):
    """A prior whose networks have units and times other than its own."""

    def released_step(self, u: Tree, t: Tensor, to: Tensor) -> Tree:
        """The mean of a reverse step at times of the networks, from u and in the units of u."""


@dataclass(frozen=True, kw_only=True)
class ReleasedState(State):
    """u in the prior's units, and the norms that its codes and noise maps are held to."""

    formerly = ("OfficialState",)
    renamed: ClassVar = {"round": "round_index"}

    round_index: int
    i: int
    u: Tree
    norms: Tree
    moments: Moments


class Released(Solver[ReleasedState]):
    """The loop of SGILO's released code (Daras et al., 2022, arXiv:2206.09104)."""

    returns = "estimate"
    states = (ReleasedState, Moments)
    params_type = ReleasedParams
    params: ReleasedParams

    def validate(self, generator: Generator) -> None:
        stages.check(self.params.stages, self.params.steps, generator, "sgilo-released")

    def stages(self, generator: Generator) -> tuple[int, ...]:
        return self.params.stages

    def total(self, problem: Problem) -> int:
        return sum(self.params.steps)

    def _chain(self, problem: Problem) -> StagedChain:
        return StagedChain(problem, self.params.stages, Score, "sgilo-released")

    def init(self, problem: Problem) -> ReleasedState:
        """Start style codes at one (in the prior's units), noise maps at a draw.

        Args:
            problem: The problem.

        Returns:
            The state of step 0.
        """
        u = self._chain(problem).start()
        u = roles.map(lambda role, leaf: torch.ones_like(leaf) if role in CODES else leaf, u)
        return self._begin(u, 0, 0)

    def _begin(self, u: Tree, round_index: int, step: int) -> ReleasedState:
        return ReleasedState(
            step=step,
            round_index=round_index,
            i=0,
            u=u,
            norms=roles.map(norm, u),
            moments=adam.start(u),
        )

    def step(self, problem: Problem, state: ReleasedState) -> Progress:
        p, A, y = self.params, problem.operator, problem.y
        prior = self._chain(problem).prior(state.round_index)
        with torch.enable_grad():
            u = tree.variables(state.u)
            image = self._chain(problem).image(state.round_index, u)
            clean = A(image.clamp(0, 1))
            loss = (clean - y).square().flatten(1).mean(1)
            slope = stages.gradient(loss, u)

        t = samplers.rows(TIME, state.u)
        ahead = _back(prior, state.u, t, t - 1 / GRID)
        moved, moments = adam.adam(state.u, slope, state.moments, p.lr)
        xi = seeds.normal_like(state.u, problem.keys, "official", state.round_index, state.i)
        u = tree.map(
            lambda new, old, a, e: new + p.strength * (a - old) + p.noise * e,
            moved,
            state.u,
            ahead,
            xi,
        )
        u = roles.map(project, u, state.norms)
        after = replace(state, step=state.step + 1, i=state.i + 1, u=u, moments=moments)
        image, clean = image.detach(), clean.detach()
        metrics = {"chi2": A.noise.chi2(y, clean), "nll": -A.noise.log_prob(y, clean)}
        return Progress(
            self._deeper(problem, after), Info(image, p.stages[state.round_index], metrics)
        )

    def _deeper(self, problem: Problem, state: ReleasedState) -> ReleasedState:
        """When a round is over, its latents go on to the stage of the next."""
        chain, over = self._chain(problem), state.round_index
        if state.i < self.params.steps[over] or chain.is_last(over):
            return state
        return self._begin(chain.deeper(over, state.u), over + 1, state.step)

    def result(self, problem: Problem, state: ReleasedState) -> Result:
        image = self._chain(problem).image(state.round_index, state.u)
        return Result(image, image, torch.zeros_like(image))


def _back(prior: Score[Tree], u: Tree, t: Tensor, to: Tensor) -> Tree:
    if isinstance(prior, OwnStep):
        return prior.released_step(u, t, to)
    return sde.euler_maruyama(prior, u, t, to, None)


def norm(role: Role, leaf: Tensor) -> Tensor:
    """Measure what is held fixed: the norms of codes, or of another leaf as a whole.

    Args:
        role: What the leaf is.
        leaf: The leaf (B, …).

    Returns:
        The norms, shaped to broadcast.
    """
    axes = (-1,) if role in CODES else tuple(range(1, leaf.dim()))
    return leaf.square().sum(axes, keepdim=True).sqrt()


def project(role: Role, leaf: Tensor, norms: Tensor) -> Tensor:
    """Put codes and noise maps back on their spheres.

    Args:
        role: What the leaf is.
        leaf: The leaf (B, …).
        norms: The norms that `norm` gave at the start.

    Returns:
        The scaled leaf; features and the image so far as they are.
    """
    if role not in (*CODES, "noise"):
        return leaf
    return leaf * norms / norm(role, leaf).clamp_min(1e-12)
