"""DMILO: find the input of the last step of a diffusion that explains y, then that of the step
before that gives this input, and so on back to the seed.

    (x_{n−1}, ν_n) = argmin −log p(y | G_n(x) + ν) + λ_y ‖ν‖₁
    (x_{k−1}, ν_k) = argmin ½‖x_k − G_k(x) − ν‖² + λ ‖ν‖₁,    k = n − 1, …, 1

Zheng, Li, Liu, Integrating intermediate layer optimization and projected gradient descent for
solving inverse problems with diffusion models, 2025, arXiv:2505.20789. No gradient passes more than
one step, and the sparse deviations ν_k let the image leave the range of the model. At a minimum of
the second line ν is the soft threshold of x_k − G_k(x), so that Huber's function of it is left.
The next round starts from the images that the new seed and the deviations give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob import tree
from invprob.errors import Incompatible
from invprob.generator import Generator
from invprob.latents import stages
from invprob.numerics import adam
from invprob.numerics.adam import Moments
from invprob.solver import Info, Problem, Progress, Result, Solver, State
from invprob.tree import Tree, X
from invprob_dps.ddim_params import DMILOParams


@dataclass(frozen=True, kw_only=True)
class DMILOState(State):
    """The seed of the round, the input x of the stage at which the descent is, and its target.

    `deviations` are ν_1 … ν_n, and `spreads` those of x_0 … x_n under G, a number for each leaf.
    The target of the last stage is the measurement, and None here.
    """

    seed: Tree
    x: Tree
    target: Tree
    deviations: tuple[Tree, ...]
    spreads: tuple[Tree, ...]
    moments: Moments
    image: Tensor


class DMILO(Solver[DMILOState]):
    """Point estimates of all latents (Zheng et al., 2025, arXiv:2505.20789)."""

    returns = "estimate"
    states = (DMILOState,)
    params_type = DMILOParams
    params: DMILOParams

    def validate(self, generator: Generator) -> None:
        if generator.depth == 0:
            raise Incompatible(
                "dmilo needs a generator, whose last stage it looks at first",
                "give one with --generator, such as ddim",
            )

    def stages(self, generator: Generator) -> tuple[int, ...]:
        return ()

    def total(self, problem: Problem) -> int:
        return self.params.rounds * problem.generator.depth * self.params.steps

    def init(self, problem: Problem) -> DMILOState:
        G = problem.generator
        seed = stages.draws(G, 0, problem.keys, "start")
        path = [seed]
        for k in range(1, G.depth + 1):
            path.append(G.stage(k, path[-1]))
        *_, x, image = path
        deviations = tuple(tree.map(torch.zeros_like, x_k) for x_k in path[1:])
        return DMILOState(
            seed=seed,
            x=x,
            target=None,
            deviations=deviations,
            spreads=tuple(stages.moments(G, k)[1] for k in range(G.depth + 1)),
            moments=adam.start((x, deviations[-1])),
            image=image,
        )

    def step(self, problem: Problem, state: DMILOState) -> Progress:
        p, depth = self.params, problem.generator.depth
        k = depth - state.step // p.steps % depth
        lr = p.lr * stages.cosine_ramp((state.step % p.steps + 1) / p.steps)
        move = self._fit if k == depth else self._invert
        after = replace(move(problem, state, k, lr), step=state.step + 1)
        if after.step % p.steps == 0:
            after = self._next(problem, after, k)
        chi2 = problem.operator.chi2(problem.y, after.image)
        return Progress(after, Info(after.image, k - 1, {"chi2": chi2}))

    def _fit(self, problem: Problem, state: DMILOState, k: int, lr: float) -> DMILOState:
        """Descend on the input of the last stage and on the deviation of the image."""
        A, y = problem.operator, problem.y
        *others, nu = state.deviations
        free: tuple[Any, Any] = tree.variables((state.x, nu))
        # a residual of `weight` standard deviations is where a deviation begins to pay
        weight = self.params.weight / A.noise.scale(y).flatten(1).mean(1).clamp_min(1e-6)
        with torch.enable_grad():
            image = problem.generator.stage(k, free[0]) + free[1]
            loss = -A.log_likelihood(y, image) + weight * free[1].abs().flatten(1).sum(1)
            slope = stages.gradient(loss, free)
        units = (state.spreads[k - 1], state.spreads[k])
        (x, nu), moments = _descend(free, slope, state.moments, units, lr)
        return replace(state, x=x, deviations=(*others, nu), moments=moments, image=image.detach())

    def _invert(self, problem: Problem, state: DMILOState, k: int, lr: float) -> DMILOState:
        """Descend on the input of an earlier stage, towards an output that is known."""
        with torch.enable_grad():
            x = tree.variables(state.x)
            parts = [
                F.huber_loss(r, torch.zeros_like(r), reduction="none", delta=self.params.knee)
                for r in tree.leaves(self._residual(problem, state, x, k))
            ]
            loss = torch.stack([part.flatten(1).sum(1) for part in parts]).sum(0)
            slope = stages.gradient(loss, x)
        x, moments = _descend(x, slope, state.moments, state.spreads[k - 1], lr)
        return replace(state, x=x, moments=moments)

    def _residual(self, problem: Problem, state: DMILOState, x: Tree, k: int) -> Tree:
        """What stage k of x misses of the target, in units of its spread."""
        out = problem.generator.stage(k, x)
        return tree.map(lambda a, b, s: (a - b) / s, state.target, out, state.spreads[k])

    def _next(self, problem: Problem, state: DMILOState, k: int) -> DMILOState:
        """Stage k is over: go to the one before it, or from the first to the last again."""
        G, deviations = problem.generator, list(state.deviations)
        if k < G.depth:
            left = self._residual(problem, state, state.x, k)
            deviations[k - 1] = tree.map(
                lambda r, s: F.softshrink(r, self.params.knee) * s, left, state.spreads[k]
            )
        if k > 1:
            x = _through(G, state.seed, deviations[: k - 2])
            return replace(
                state,
                x=x,
                target=state.x,
                deviations=tuple(deviations),
                moments=adam.start(x),
            )
        x = _through(G, state.x, deviations[:-1])
        return replace(
            state,
            seed=state.x,
            x=x,
            target=None,
            deviations=tuple(deviations),
            moments=adam.start((x, deviations[-1])),
            image=_through(G, state.x, deviations),
        )

    def result(self, problem: Problem, state: DMILOState) -> Result:
        return Result(state.image, state.image, torch.zeros_like(state.image))


def _through(G: Generator, x: Tree, deviations: Sequence[Tree]) -> Any:
    """The first stages of the generator, each with its deviation."""
    for k, nu in enumerate(deviations, 1):
        x = tree.map(torch.add, G.stage(k, x), nu)
    return x


def _descend(x: X, slope: X, moments: Moments, spread: Tree, lr: float) -> tuple[X, Moments]:
    """A step of Adam in units of each leaf's spread."""
    unit = tree.map(lambda leaf, s: leaf.detach() / s, x, spread)
    unit, moments = adam.adam(unit, tree.map(torch.mul, slope, spread), moments, lr)
    return tree.map(torch.mul, unit, spread), moments
