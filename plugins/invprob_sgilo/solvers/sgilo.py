"""SGILO: Langevin dynamics on the latent of a stage, guided by a learned score.

    u ← u − η P (∇ nll(u) − λ s(u)) + √(2 η P / β) ξ

Daras, Dagan, Dimakis, Daskalakis, Score-guided intermediate layer optimization, 2022,
arXiv:2206.09104. nll is −log p(y|G(u)) of the operator's own noise, so β = 1 is the
posterior. Round by round the chains are annealed from noise to the posterior of one stage and go on
to the next; in the last round Langevin follows. Its preconditioner P is measured once, its step
size η adapted during the burn-in; from then on both are fixed and every step is a draw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.diffusion import samplers
from invprob.errors import BadParams
from invprob.generator import Generator
from invprob.latents import stages
from invprob.latents.stages import StagedChain
from invprob.numerics import early_stopping, mcmc
from invprob.numerics.early_stopping import Plateau
from invprob.numerics.lbfgs import Descent
from invprob.prior import LogDensity, Score
from invprob.solver import Info, Problem, Progress, Result, Solver, State
from invprob_sgilo.solvers import annealing, langevin
from invprob_sgilo.solvers.annealing import AdamDescent, Annealed, Fit
from invprob_sgilo.solvers.langevin import Point
from invprob_sgilo.solvers.params import SGILOParams


@dataclass(frozen=True, kw_only=True)
class SGILOState(State):
    """The chains u in the prior's units; `annealed` and `track` while annealing, `fisher` (a sum
    over probes) while the preconditioner is measured, then P, η and `at`, where the chains are.

    `mean` and `square` are sums over the `count` draws so far, of images and of their squares.
    """

    renamed: ClassVar = {"round": "round_index"}

    round_index: int
    i: int
    u: Any
    annealed: Annealed | None = None
    track: Plateau | None = None
    fisher: Any = None
    P: Any = None
    eta: Any = None
    at: Point | None = None
    mean: Any = None
    square: Any = None
    count: int = 0


class SGILO(Solver):
    """Posterior samples of an intermediate latent (Daras et al., 2022, arXiv:2206.09104)."""

    returns = "sample"
    states = (SGILOState, Plateau, Annealed, AdamDescent, Descent, Point)
    params_type = SGILOParams
    params: SGILOParams

    @property
    def bias(self) -> float:
        return 0.0 if self.params.metropolis else 0.3  # docs/explanation/validity.md

    def validate(self, generator: Generator) -> None:
        p = self.params
        stages.check(p.stages, p.steps, generator, "sgilo")
        rest = p.steps[-1] - annealing.steps(p, len(p.steps) - 1)
        if 0 < rest < p.fisher_probes + 2:
            raise BadParams(
                f"sgilo: annealing leaves {rest} steps, of which the preconditioner of Langevin"
                f" takes {p.fisher_probes + 1}",
                "give more steps, fewer fisher_probes, or anneal=1 for no Langevin",
            )

    def stages(self, generator: Generator) -> tuple[int, ...]:
        return self.params.stages

    def total(self, problem: Problem) -> int:
        return sum(self.params.steps)

    def _burn_in(self, moves: int) -> int:
        """How many of Langevin's moves come before the draws."""
        p = self.params
        fewest = 0 if p.step_size else min(langevin.ADAPTING, moves - 1)
        return max(int(p.burn_in * moves), fewest)

    def init(self, problem: Problem) -> SGILOState:
        return SGILOState(round_index=0, i=0, u=self._chain(problem).start())

    def _chain(self, problem: Problem) -> StagedChain:
        return StagedChain(problem, self.params.stages, Score, "sgilo")

    def step(self, problem: Problem, state: SGILOState) -> Progress:
        langevin_begins = annealing.steps(self.params, state.round_index)
        if state.i < langevin_begins:
            return self._anneal(problem, state)
        if state.i < langevin_begins + self.params.fisher_probes:
            return self._probe(problem, state)
        return self._langevin(problem, state)

    def _fit(self, problem: Problem, round_index: int, u: Any) -> Fit:
        with torch.enable_grad():
            leaf = tree.map(lambda v: v.detach().requires_grad_(), u)
            image = self._chain(problem).image(round_index, leaf)
            nll = -problem.operator.log_likelihood(problem.y, image)
            slope = stages.gradient(nll, leaf)
        return Fit(slope, image.detach(), nll.detach())

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

        fit = self._fit(problem, state.round_index, now.descent.trial)
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
        info = Info(fit.image, k, self._metrics(problem, fit.image))
        return Progress(self._deeper(problem, after), info)

    def _deeper(self, problem: Problem, state: SGILOState) -> SGILOState:
        """When a round is over, its chains go on to the stage of the next."""
        chain, over = self._chain(problem), state.round_index
        if state.i < self.params.steps[over] or chain.is_last(over):
            return state
        u = chain.deeper(over, state.u)
        return SGILOState(step=state.step, round_index=over + 1, i=0, u=u)

    def _point(self, problem: Problem, round_index: int, u: Any) -> Point:
        """U = nll − λ log p(u) at u: gradient, and with Metropolis its value."""
        p = self.params
        prior, fit = self._chain(problem).prior(round_index), self._fit(problem, round_index, u)
        score = prior.smoothed(u, samplers.rows(p.t_end, u))
        g = tree.map(lambda a, s: a - p.weight * s, fit.slope, score)
        energy = None
        if p.metropolis:
            density = problem.prior(p.stages[round_index], LogDensity, "sgilo with metropolis")
            energy = fit.nll - p.weight * density.log_density(prior.restore(u))
        return Point(u, g, energy, image=fit.image)

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
        return Progress(after, Info(image, k, self._metrics(problem, image)))

    def _langevin(self, problem: Problem, state: SGILOState) -> Progress:
        p, k = self.params, self.params.stages[state.round_index]
        if state.at is None:
            return self._settle(problem, state)
        begin = annealing.steps(p, state.round_index) + p.fisher_probes + 1
        burn, j = self._burn_in(p.steps[state.round_index] - begin), state.i - begin

        rngs = [seeds.stream(key, "langevin", j) for key in problem.keys]
        before, P, eta, beta = state.at, state.P, state.eta, p.inverse_temperature
        xi = seeds.normal_from(before.u, rngs)
        moved = mcmc.langevin(before.u, before.g, P, eta, xi, beta)
        point = self._point(problem, state.round_index, moved)
        if p.metropolis:
            chance = mcmc.metropolis(before, point, P, eta, beta)
            dice = torch.stack([torch.rand((), generator=rng) for rng in rngs])
            point = tree.where(dice.to(chance) < chance, point, before)
        else:
            chance = mcmc.pseudo_acceptance(before.g, point.g, P, eta, beta)
            point = tree.where(chance > langevin.HOPELESS, point, before)
        if j < burn and p.step_size is None:
            eta = mcmc.adapt_step_size(eta, chance, p.target_accept, j)
        after = replace(state, step=state.step + 1, i=state.i + 1, u=point.u, at=point, eta=eta)
        draw = j >= burn and (j - burn + 1) % p.thin == 0
        if draw:
            after = _counted(after, point.image)
        metrics = self._metrics(problem, point.image)
        metrics |= {"step_size": eta, "acceptance": chance}
        return Progress(after, Info(point.image, k, metrics, draw=draw, latent=point.u))

    def _settle(self, problem: Problem, state: SGILOState) -> Progress:
        """P = 1/(Fisher diagonal + λ), as the prior's spread is its unit; a first η; ∇U at u."""
        p = self.params
        P = tree.map(
            lambda f: 1 / (p.inverse_temperature * f / p.fisher_probes + p.weight), state.fisher
        )
        point = self._point(problem, state.round_index, state.u)
        after = replace(
            state,
            step=state.step + 1,
            i=state.i + 1,
            fisher=None,
            P=P,
            eta=torch.full((len(problem.y),), p.step_size or langevin.FIRST).to(problem.y),
            at=point,
        )
        info = Info(point.image, p.stages[state.round_index], self._metrics(problem, point.image))
        return Progress(after, info)

    def _metrics(self, problem: Problem, image: Tensor) -> dict[str, Tensor]:
        clean, noise = problem.operator(image), problem.operator.noise
        nll = -noise.log_prob(problem.y, clean)
        return {"chi2": noise.chi2(problem.y, clean), "nll": nll}

    def result(self, problem: Problem, state: SGILOState) -> Result:
        image = self._chain(problem).image(state.round_index, state.u)
        if state.count == 0:
            return Result(image, image, torch.zeros_like(image))
        mean = state.mean / state.count
        variance = (state.square / state.count - mean**2).clamp_min(0)
        return Result(image, mean, variance)


def _counted(state: SGILOState, image: Tensor) -> SGILOState:
    """The state with one more draw in its sums."""
    if state.count == 0:
        return replace(state, mean=image, square=image**2, count=1)
    return replace(
        state, mean=state.mean + image, square=state.square + image**2, count=state.count + 1
    )
