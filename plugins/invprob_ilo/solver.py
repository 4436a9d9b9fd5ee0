"""l1-ILO: descend −log p(y|G(x_k)), project its deviation from the start, go one stage deeper.

Daras, Dean, Jalal, Dimakis, Intermediate layer optimization for inverse problems using deep
generative models, 2021, arXiv:2102.07364.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from invprob import tree
from invprob.generator import Generator
from invprob.latents import stages
from invprob.latents.stages import StagedChain
from invprob.numerics import adam, early_stopping
from invprob.numerics.adam import Moments
from invprob.numerics.early_stopping import Plateau
from invprob.prior import Proximal
from invprob.solver import Info, Problem, Progress, Result, Solver, State
from invprob.tree import Tree
from invprob_ilo.params import ILOParams


@dataclass(frozen=True, kw_only=True)
class ILOState(State):
    """x_k, its value at the start of the round and its spread; `best` is the best x_k so far."""

    renamed: ClassVar = {"round": "round_index"}

    round_index: int
    i: int
    x: Tree
    start: Tree
    spread: Tree
    best: Tree
    moments: Moments
    track: Plateau


class ILO(Solver[ILOState]):
    """Point estimates of intermediate latents (Daras et al., 2021, arXiv:2102.07364)."""

    returns = "estimate"
    states = (ILOState, Plateau)
    params_type = ILOParams
    params: ILOParams

    def validate(self, generator: Generator) -> None:
        stages.check(self.params.stages, self.params.steps, generator, "ilo")

    def stages(self, generator: Generator) -> tuple[int, ...]:
        return self.params.stages

    def total(self, problem: Problem) -> int:
        return sum(self.params.steps)

    def init(self, problem: Problem) -> ILOState:
        first = self.params.stages[0]
        x = stages.start(problem.generator, first, problem.keys, self.params.truncation)
        return self._begin(problem, x, 0, 0)

    def _chain(self, problem: Problem) -> StagedChain:
        return StagedChain(problem, self.params.stages, Proximal, "ilo")

    def _begin(self, problem: Problem, x: Tree, round_index: int, step: int) -> ILOState:
        _, spread = stages.moments(problem.generator, self.params.stages[round_index])
        return ILOState(
            step=step,
            round_index=round_index,
            i=0,
            x=x,
            start=x,
            spread=spread,
            best=x,
            moments=adam.start(x),
            track=early_stopping.start(len(problem.y), problem.y.device),
        )

    def step(self, problem: Problem, state: ILOState) -> Progress:
        p, A, chain = self.params, problem.operator, self._chain(problem)
        k, steps = p.stages[state.round_index], p.steps[state.round_index]
        ball = chain.prior(state.round_index)

        with torch.enable_grad():
            x = tree.variables(state.x)
            image = chain.image(state.round_index, x)
            clean = A(image)
            nll = -A.noise.log_prob(problem.y, clean)
            grad = stages.gradient(nll, x)

        nll, chi2 = nll.detach(), A.noise.chi2(problem.y, clean.detach())
        better = nll < state.track.best
        track = early_stopping.update(state.track, nll)
        active = ~early_stopping.stalled(track, p.patience)
        active &= ~early_stopping.fitted(chi2, p.fitted)
        lr = p.lr * stages.cosine_ramp((state.i + 1) / steps)
        # descend in units of each leaf's spread, then project the deviation
        unit = tree.map(lambda leaf, s: leaf / s, state.x, state.spread)
        slope = tree.map(lambda g, s: g * s, grad, state.spread)
        unit, moments = adam.adam(unit, slope, state.moments, lr)
        moved = tree.map(lambda leaf, s, x0: leaf * s - x0, unit, state.spread, state.start)
        moved = tree.map(torch.add, state.start, ball.prox(moved))

        after = ILOState(
            step=state.step + 1,
            round_index=state.round_index,
            i=state.i + 1,
            x=tree.where(active, moved, state.x),
            start=state.start,
            spread=state.spread,
            best=tree.where(better, state.x, state.best),
            moments=moments,
            track=track,
        )
        metrics = {"chi2": chi2, "nll": nll}
        if after.i == steps or not bool(active.any()):
            after = self._next(problem, after)
        return Progress(after, Info(image.detach(), k, metrics))

    def _next(self, problem: Problem, state: ILOState) -> ILOState:
        """The round is over: its best latent goes one stage deeper, or ends the run."""
        chain, over = self._chain(problem), state.round_index
        done = sum(self.params.steps[: over + 1])
        if chain.is_last(over):
            return replace(state, step=done, x=state.best)
        return self._begin(problem, chain.deeper(over, state.best), over + 1, done)

    def result(self, problem: Problem, state: ILOState) -> Result:
        image = self._chain(problem).image(state.round_index, state.best)
        return Result(image, image, torch.zeros_like(image))
