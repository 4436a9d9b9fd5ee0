"""l1-ILO: descend the misfit in x_k, project its deviation from the start, go one stage deeper.

Daras, Dean, Jalal, Dimakis, Intermediate layer optimization for inverse problems using deep
generative models, 2021, arXiv:2102.07364.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from invprob import tree
from invprob.generator import Generator
from invprob.latents import stages
from invprob.numerics import adam, early_stopping
from invprob.numerics.adam import Moments
from invprob.numerics.early_stopping import Plateau
from invprob.prior import Proximal
from invprob.solver import Info, Problem, Progress, Result, Solver, State
from invprob_ilo.params import ILOParams


@dataclass(frozen=True, kw_only=True)
class ILOState(State):
    """x_k, its value at the start of the round and its spread; `best` is the best x_k so far."""

    round: int
    i: int
    x: Any
    start: Any
    spread: Any
    best: Any
    moments: Moments
    track: Plateau


class ILO(Solver):
    """Point estimates of intermediate latents."""

    returns = "estimate"
    states = (ILOState, Plateau)
    params_type = ILOParams
    params: ILOParams

    def stages(self, generator: Generator) -> tuple[int, ...]:
        stages.check(self.params.stages, self.params.steps, generator, "ilo")
        return self.params.stages

    def total(self, problem: Problem) -> int:
        return sum(self.params.steps)

    def init(self, problem: Problem) -> ILOState:
        first = self.params.stages[0]
        x = stages.start(problem.generator, first, problem.keys, self.params.truncation)
        return self._begin(problem, x, 0, 0)

    def _begin(self, problem: Problem, x: Any, round: int, step: int) -> ILOState:
        _, spread = stages.moments(problem.generator, self.params.stages[round])
        return ILOState(
            step=step,
            round=round,
            i=0,
            x=x,
            start=x,
            spread=spread,
            best=x,
            moments=adam.start(x),
            track=early_stopping.start(len(problem.y), problem.y.device),
        )

    def step(self, problem: Problem, state: ILOState) -> Progress:
        p, G, A = self.params, problem.generator, problem.operator
        k, steps = p.stages[state.round], p.steps[state.round]
        ball = problem.prior(k, Proximal, "ilo")

        with torch.enable_grad():
            x = tree.map(lambda leaf: leaf.detach().requires_grad_(), state.x)
            image = G(x, start=k)
            clean = A(image)
            loss = -A.noise.log_prob(problem.y, clean)
            grad = stages.gradient(loss, x)

        loss = loss.detach()
        better = loss < state.track.best
        track = early_stopping.update(state.track, loss)
        active = ~early_stopping.stalled(track, p.patience)
        lr = p.lr * stages.cosine_ramp((state.i + 1) / steps)
        # descend in units of each leaf's spread, then project the deviation
        unit = tree.map(lambda leaf, s: leaf / s, state.x, state.spread)
        slope = tree.map(lambda g, s: g * s, grad, state.spread)
        unit, moments = adam.adam(unit, slope, state.moments, lr)
        moved = tree.map(lambda leaf, s, x0: leaf * s - x0, unit, state.spread, state.start)
        moved = tree.map(torch.add, state.start, ball.prox(moved))

        after = ILOState(
            step=state.step + 1,
            round=state.round,
            i=state.i + 1,
            x=tree.where(active, moved, state.x),
            start=state.start,
            spread=state.spread,
            best=tree.where(better, state.x, state.best),
            moments=moments,
            track=track,
        )
        figures = {"misfit": A.noise.chi2(problem.y, clean.detach()), "loss": loss}
        if after.i == steps or not bool(active.any()):
            after = self._next(problem, after)
        return Progress(after, Info(image.detach(), k, figures))

    def _next(self, problem: Problem, state: ILOState) -> ILOState:
        """The round is over: its best latent goes one stage deeper, or ends the run."""
        done = sum(self.params.steps[: state.round + 1])
        if state.round + 1 == len(self.params.stages):
            return ILOState(**(vars(state) | {"step": done, "x": state.best}))
        here, there = self.params.stages[state.round : state.round + 2]
        deeper = problem.generator(state.best, start=here, stop=there)
        return self._begin(problem, deeper, state.round + 1, done)

    def result(self, problem: Problem, state: ILOState) -> Result:
        image: Tensor = problem.generator(state.best, start=self.params.stages[state.round])
        return Result(image, image, torch.zeros_like(image))
