"""SGILO: Langevin dynamics on the latent of a stage, guided by a learned score.

    u ← u − η P (∇ nll(u) − λ s(u)) + √(2 η P / β) ξ

Daras, Dagan, Dimakis, Daskalakis, Score-guided intermediate layer optimization, 2022,
arXiv:2206.09104. nll is −log p(y|G(u)) of the operator's own noise, so β = 1 is the
posterior. Round by round the chains are annealed from noise to the posterior of one stage and go on
to the next; in the last round Langevin follows. The update above is the paper's, which
``dynamics=overdamped`` makes; by default a chain has a velocity too (`kinetic`). P is measured
once, the step size adapted during the burn-in; from then on both are fixed and every step is a
draw. Where the prior knows what pictures have beyond G(u), it is integrated out (`marginal`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.errors import BadParams
from invprob.generator import Generator
from invprob.latents import stages
from invprob.latents.stages import StagedChain
from invprob.numerics import early_stopping
from invprob.numerics.early_stopping import Plateau
from invprob.numerics.lbfgs import Descent
from invprob.prior import Score
from invprob.solver import Info, Problem, Progress, Result, Solver
from invprob_sgilo.solvers import annealing, kinetic, langevin, marginal, overdamped
from invprob_sgilo.solvers.annealing import AdamDescent, Annealed
from invprob_sgilo.solvers.params import SGILOParams
from invprob_sgilo.solvers.state import SGILOState
from invprob_sgilo.solvers.target import Point, Target, density


class Dynamics(Protocol):
    """`overdamped` or `kinetic`."""

    SETTLING: int

    def burn_in(self, p: SGILOParams, moves: int) -> int: ...
    def settle(self, target: Target, state: SGILOState, i: int) -> SGILOState: ...
    def move(
        self, target: Target, state: SGILOState, j: int, burn: int
    ) -> tuple[SGILOState, dict[str, Tensor]]: ...


DYNAMICS: Mapping[str, Dynamics] = {"kinetic": kinetic, "overdamped": overdamped}


class SGILO(Solver[SGILOState]):
    """Posterior samples of an intermediate latent (Daras et al., 2022, arXiv:2206.09104)."""

    returns = "sample"
    states = (SGILOState, Plateau, Annealed, AdamDescent, Descent, Point)
    params_type = SGILOParams
    params: SGILOParams

    @cached_property
    def _marginals(self) -> marginal.Marginals:
        return marginal.Marginals()

    @property
    def bias(self) -> float:  # docs/explanation/validity.md
        p = self.params
        if p.metropolis == "density":
            return 0.0
        return 0.05 if p.dynamics == "kinetic" else 0.3

    @property
    def tempered(self) -> str:
        p = self.params
        found = {
            "the weight λ of the prior": p.weight,
            "the inverse temperature β": p.inverse_temperature,
        }
        return " and ".join(f"{name} is {value:g}" for name, value in found.items() if value != 1)

    @property
    def _dynamics(self) -> Dynamics:
        return DYNAMICS[self.params.dynamics]

    def validate(self, generator: Generator) -> None:
        p = self.params
        stages.check(p.stages, p.steps, generator, "sgilo")
        rest = p.steps[-1] - annealing.steps(p, len(p.steps) - 1)
        first = p.fisher_probes + self._dynamics.SETTLING
        if 0 < rest <= first:
            raise BadParams(
                f"sgilo: annealing leaves {rest} steps, of which the preconditioner of Langevin"
                f" takes {first}",
                "give more steps, fewer fisher_probes, or anneal=1 for no Langevin",
            )

    def stages(self, generator: Generator) -> tuple[int, ...]:
        return self.params.stages

    def total(self, problem: Problem) -> int:
        return sum(self.params.steps)

    def init(self, problem: Problem) -> SGILOState:
        p, chain = self.params, self._chain(problem)
        for round_index in range(len(p.stages)):
            chain.prior(round_index).check_time(p.t_end, "t_end")
        if p.metropolis == "density":  # the last round asks it, which is late to be told
            density(problem, p.stages[-1])
        return SGILOState(round_index=0, i=0, u=chain.start())

    def _chain(self, problem: Problem) -> StagedChain:
        return StagedChain(problem, self.params.stages, Score, "sgilo")

    def _marginal(self, problem: Problem, round_index: int) -> Problem:
        """The problem as chains see it, who move in the latent of a round alone."""
        if not self.params.representation_error:
            return problem
        return self._marginals.of(problem, self._chain(problem).prior(round_index))

    def _target(self, problem: Problem, state: SGILOState) -> Target:
        return Target(problem, self._chain(problem), state.round_index, self.params)

    def step(self, problem: Problem, state: SGILOState) -> Progress:
        problem = self._marginal(problem, state.round_index)
        i = state.i - annealing.steps(self.params, state.round_index)
        if i < 0:
            return self._anneal(problem, state)
        if i < self.params.fisher_probes:
            return self._probe(problem, state)
        return self._langevin(problem, state, i - self.params.fisher_probes)

    def _anneal(self, problem: Problem, state: SGILOState) -> Progress:
        p, k = self.params, self.params.stages[state.round_index]
        plan = annealing.schedule(p, state.round_index)
        prior, t = self._chain(problem).prior(state.round_index), plan.time(state.i)
        now, track = state.annealed, state.track
        if now is None or track is None:
            path = ("anneal", state.round_index, plan.level(state.i))
            anchor = state.u
            if plan.t_start:
                anchor = annealing.begin(prior, state.u, t, p.ode_steps, problem.keys, *path)
            now = annealing.held(
                anchor, p.optimizers[min(state.round_index, len(p.optimizers) - 1)]
            )
            track = early_stopping.start(len(problem.y), problem.y.device)

        fit = self._target(problem, state).fit(now.descent.trial)
        track = early_stopping.update(track, fit.nll)
        active = ~early_stopping.stalled(track, p.patience)
        r = annealing.width(prior, t, state.u)
        moved = annealing.descend(now, fit, r, p.weight, p.lr, active)
        i = state.i + 1 if bool(active.any()) else plan.next_level(state.i)
        leaves = i == plan.next_level(state.i)
        after = replace(
            state,
            step=state.step + i - state.i,
            i=i,
            u=moved.descent.x,
            annealed=None if leaves else moved,
            track=None if leaves else track,
        )
        shown = marginal.expected(problem, fit.image)
        info = Info(shown, k, self._metrics(problem, fit.image))
        return Progress(self._deeper(problem, after), info)

    def _deeper(self, problem: Problem, state: SGILOState) -> SGILOState:
        """When a round is over, its chains go on to the stage of the next."""
        chain, over = self._chain(problem), state.round_index
        if state.i < self.params.steps[over] or chain.is_last(over):
            return state
        u = chain.deeper(over, state.u)
        return SGILOState(step=state.step, round_index=over + 1, i=0, u=u)

    def _probe(self, problem: Problem, state: SGILOState) -> Progress:
        """One more gradient for the Fisher information of y about u."""
        k = self.params.stages[state.round_index]
        rngs = [seeds.stream(key, "fisher", state.i) for key in problem.keys]
        found, image = langevin.fisher_probe(
            problem.operator,
            lambda u: self._chain(problem).image(state.round_index, u),
            state.u,
            rngs,
        )
        fisher = found if state.fisher is None else tree.map(torch.add, state.fisher, found)
        after = replace(state, step=state.step + 1, i=state.i + 1, fisher=fisher)
        shown = marginal.expected(problem, image)
        return Progress(after, Info(shown, k, self._metrics(problem, image)))

    def _langevin(self, problem: Problem, state: SGILOState, i: int) -> Progress:
        """The i-th step after the probes: find where to begin and how far to go, then move."""
        p, target, dynamics = self.params, self._target(problem, state), self._dynamics
        here = replace(state, step=state.step + 1, i=state.i + 1)
        found: dict[str, Tensor] = {}
        j, draw = i - dynamics.SETTLING, False
        if j < 0:
            after = dynamics.settle(target, here, i)
        else:
            first = annealing.steps(p, state.round_index) + p.fisher_probes + dynamics.SETTLING
            burn = dynamics.burn_in(p, p.steps[state.round_index] - first)
            after, found = dynamics.move(target, here, j, burn)
            draw = j >= burn and (j - burn + 1) % p.thin == 0
        assert after.at is not None
        image, stage = after.at.image, p.stages[state.round_index]
        metrics = self._metrics(problem, image) | found
        if p.coupled and j >= 0:
            metrics["coupling"] = langevin.distance(image, problem.num_samples)
        mean = marginal.expected(problem, image)
        after = after.counted(mean) if draw else after
        shown = marginal.drawn(problem, mean, after.step) if after.count else mean
        return Progress(after, Info(shown, stage, metrics, draw=draw, latent=after.u))

    def _metrics(self, problem: Problem, image: Tensor) -> dict[str, Tensor]:
        clean, noise = problem.operator(image), problem.operator.noise
        nll = -noise.log_prob(problem.y, clean)
        return {"chi2": noise.chi2(problem.y, clean), "nll": nll}

    def result(self, problem: Problem, state: SGILOState) -> Result:
        problem = self._marginal(problem, state.round_index)
        image = self._chain(problem).image(state.round_index, state.u)
        mean = marginal.expected(problem, image)
        if not state.count:
            return state.summary(mean)
        drawn = marginal.drawn(problem, mean, state.step)
        return marginal.with_variance(problem, state.summary(drawn))
