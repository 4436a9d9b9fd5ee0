"""SGILO: Langevin dynamics on the latent of a stage, guided by a learned score; then one deeper.

    z ← z − η P (∇ misfit(z) − s(z)) + √(2 η P / β) u

Daras, Dagan, Dimakis, Daskalakis, Score-guided intermediate layer optimization, 2022,
arXiv:2206.09104. The misfit is −log p(y|G(z)) of the operator's own noise, so β = 1 is the
posterior. Each round first descends, the prior's noise level falling as it goes, then measures the
curvature once, and from there on neither P nor η changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from invprob import optim, plateau, rounds, seeds, tree
from invprob.generator import Generator
from invprob.optim import Moments
from invprob.plateau import Plateau
from invprob.prior import Score
from invprob.solver import Info, Problem, Progress, Result, Solver, State
from invprob_sgilo import langevin
from invprob_sgilo.params import SGILOParams


@dataclass(frozen=True, kw_only=True)
class SGILOState(State):
    """The chains x, with what descent (moments, track) or Langevin (P, eta, energy) goes by.

    `mean` and `square` are sums of images and of their squares over the `count` steps after the
    descent of the last round.
    """

    round: int
    i: int
    x: Any
    spread: Any
    moments: Any = None
    track: Any = None
    P: Any = None
    eta: Any = None
    energy: Any = None
    mean: Any = None
    square: Any = None
    count: int = 0


class SGILO(Solver):
    """Posterior samples of an intermediate latent."""

    returns = "sample"
    states = (SGILOState, Plateau, Moments)
    params: SGILOParams

    def stages(self, generator: Generator) -> tuple[int, ...]:
        rounds.check(self.params.stages, self.params.steps, generator, "sgilo")
        return self.params.stages

    def total(self, problem: Problem) -> int:
        return sum(self.params.steps)

    def init(self, problem: Problem) -> SGILOState:
        first = self.params.stages[0]
        x = rounds.start(problem.generator, first, problem.keys, self.params.truncation)
        return self._begin(problem, x, 0, 0)

    def _begin(self, problem: Problem, x: Any, round: int, step: int) -> SGILOState:
        _, spread = rounds.moments(problem.generator, self.params.stages[round])
        return SGILOState(
            step=step,
            round=round,
            i=0,
            x=x,
            spread=spread,
            moments=optim.start(x),
            track=plateau.start(len(problem.y), problem.y.device),
        )

    def step(self, problem: Problem, state: SGILOState) -> Progress:
        steps = self.params.steps[state.round]
        if state.i < round(self.params.descent * steps):
            return self._descend(problem, state)
        if state.P is None:
            state = self._measure_curvature(problem, state)
        return self._langevin(problem, state)

    def _gradient(
        self, problem: Problem, k: int, x: Any, level: float
    ) -> tuple[Any, Tensor, Tensor, Tensor]:
        """(∇U, image, clean measurement, −log p(y|x)) at x, U = misfit − log prior."""
        G, A = problem.generator, problem.operator
        prior = problem.prior(k, Score, "sgilo")
        with torch.enable_grad():
            leaf = tree.map(lambda v: v.detach().requires_grad_(), x)
            image = G(leaf, start=k)
            clean = A(image)
            misfit = -A.noise.log_prob(problem.y, clean)
            slope = rounds.gradient(misfit, leaf)
        t = torch.full((len(problem.y),), level, dtype=problem.y.dtype, device=problem.y.device)
        score = prior.smoothed(x, t)
        g = tree.map(lambda a, s: a - self.params.weight * s, slope, score)
        return g, image.detach(), clean.detach(), misfit.detach()

    def _descend(self, problem: Problem, state: SGILOState) -> Progress:
        p, k = self.params, self.params.stages[state.round]
        count = round(p.descent * p.steps[state.round])
        done = (state.i + 1) / count
        # the prior's noise level falls geometrically to its final value
        high = max(p.level, p.first_level if state.round == 0 else p.level)
        level = high * (p.level / high) ** min(1.0, done / 0.8)
        g, image, clean, misfit = self._gradient(problem, k, state.x, level)
        track = plateau.update(state.track, misfit)
        active = ~plateau.stalled(track, p.plateau)
        unit = tree.map(torch.div, state.x, state.spread)
        slope = tree.map(torch.mul, g, state.spread)
        lr = p.lr * rounds.cosine_ramp(done)
        unit, moments = optim.adam(unit, slope, state.moments, lr)
        moved = tree.map(torch.mul, unit, state.spread)
        i = state.i + 1 if bool(active.any()) else count
        after = replace(
            state,
            step=state.step + i - state.i,
            i=i,
            x=tree.where(active, moved, state.x),
            moments=moments,
            track=track,
        )
        figures = {"misfit": problem.operator.noise.chi2(problem.y, clean), "loss": misfit}
        return Progress(self._next(problem, after), Info(image, k, figures))

    def _measure_curvature(self, problem: Problem, state: SGILOState) -> SGILOState:
        """P = 1/(Fisher diagonal + 1/spread²); η a part of 1/(largest curvature)."""
        p, k, G = self.params, self.params.stages[state.round], problem.generator
        rngs = [seeds.stream(key, "fisher", state.round) for key in problem.keys]
        fisher = langevin.fisher_diagonal(
            problem.operator, lambda x: G(x, start=k), state.x, rngs, p.probes
        )
        P = tree.map(lambda f, s: 1 / (p.beta * f + s**-2), fisher, state.spread)
        g, *_ = self._gradient(problem, k, state.x, p.level)
        v = seeds.normal_like(state.x, problem.keys, "curvature", state.round)
        largest = langevin.largest_curvature(
            lambda x: self._gradient(problem, k, x, p.level)[0], state.x, g, P, v, p.probes
        )
        return replace(state, P=P, eta=p.step / largest, moments=None, track=None)

    def _langevin(self, problem: Problem, state: SGILOState) -> Progress:
        p, k = self.params, self.params.stages[state.round]
        g, image, clean, misfit = self._gradient(problem, k, state.x, p.level)
        energy = langevin.energy(g, state.P)
        last = state.energy if state.energy is not None else energy
        u = seeds.normal_like(state.x, problem.keys, "langevin", state.round, state.i)
        first = state.count == 0
        after = replace(
            state,
            step=state.step + 1,
            i=state.i + 1,
            x=langevin.move(state.x, g, state.P, state.eta, p.beta, u),
            energy=energy,
            mean=image if first else state.mean + image,
            square=image**2 if first else state.square + image**2,
            count=state.count + 1,
        )
        figures = {
            "misfit": problem.operator.noise.chi2(problem.y, clean),
            "loss": misfit,
            "step_size": state.eta,
            "acceptance": langevin.acceptance(last, energy, state.eta, p.beta),
        }
        last_round = state.round + 1 == len(p.stages)
        info = Info(image, k, figures, draw=last_round, latent=state.x)
        return Progress(self._next(problem, after), info)

    def _next(self, problem: Problem, state: SGILOState) -> SGILOState:
        """When a round is over, its chains go one stage deeper."""
        p = self.params
        if state.i < p.steps[state.round] or state.round + 1 == len(p.stages):
            return state
        here, there = p.stages[state.round : state.round + 2]
        deeper = problem.generator(state.x, start=here, stop=there)
        return self._begin(problem, deeper, state.round + 1, sum(p.steps[: state.round + 1]))

    def result(self, problem: Problem, state: SGILOState) -> Result:
        image: Tensor = problem.generator(state.x, start=self.params.stages[state.round])
        if state.count == 0:
            return Result(image, image, torch.zeros_like(image))
        mean = state.mean / state.count
        variance = (state.square / state.count - mean**2).clamp_min(0)
        return Result(image, mean, variance)
