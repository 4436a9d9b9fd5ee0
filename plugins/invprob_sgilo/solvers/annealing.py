"""Decoupled annealing: bring chains from noise to the posterior, one noise level after another.

At a level t the chain is noised to u_t and denoised by a few steps of the probability flow to û, a
draw of the prior near u_t. Then nll(u) + λ‖u − û‖²/2r² is descended from û, nll(u) = −log p(y|u);
r = σ_t/α_t says how far û can be trusted. The result goes on to the next, lower level.

Zhang et al., Improving diffusion inverse problem solving with decoupled noise annealing, 2024,
arXiv:2407.01521; its inner Langevin is Adam or L-BFGS here, for the sake of chains with few steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.diffusion.samplers import rows
from invprob.numerics import adam, lbfgs
from invprob.numerics.adam import Moments
from invprob.numerics.lbfgs import Descent
from invprob.prior import Score
from invprob.tree import Tree, X
from invprob_sgilo.solvers.params import SGILOParams
from invprob_sgilo.solvers.target import Fit

WIDEST = 1.5
"""The largest r, in standard deviations of the prior, beyond which û says no more."""

MEMORY = 16
"""Steps that L-BFGS remembers."""


@dataclass(frozen=True)
class Schedule:
    """`steps` gradients spread over `num_levels` diffusion times that fall evenly to `t_end`.

    The last level, at which the chain settles on the measurement, takes the part `final_fraction`
    of them. A `t_start` of 0 adds no noise: there is the last level only, on the chain as it comes.
    """

    t_start: float
    t_end: float
    num_levels: int
    steps: int
    final_fraction: float

    @property
    def begins(self) -> list[int]:
        """The first step of each level; of fewer steps than levels, each is a level."""
        before = min(self.num_levels, self.steps) - 1 if self.t_start else 0
        rest = min(self.steps - 1, max(before, int((1 - self.final_fraction) * self.steps + 0.5)))
        return [*(-(-level * rest // before) for level in range(before)), rest if before else 0]

    def level(self, i: int) -> int:
        """The level of step i, counted from 0."""
        return sum(begin <= i for begin in self.begins) - 1

    def time(self, i: int) -> float:
        """The diffusion time of step i; the last level is at `t_end`."""
        last = len(self.begins) - 1
        return self.t_end + (self.t_start - self.t_end) * (last - self.level(i)) / max(1, last)

    def next_level(self, i: int) -> int:
        """The first step of the next level, or `steps`."""
        return next((begin for begin in self.begins if begin > i), self.steps)


def steps(p: SGILOParams, round_index: int) -> int:
    """Count the steps of a round that anneal: all, but in the last round a part.

    Args:
        p: The parameters of the solver.
        round_index: The round, counted from 0.

    Returns:
        The number of steps.
    """
    last = round_index + 1 == len(p.steps)
    return int(p.anneal * p.steps[round_index] + 0.5) if last else p.steps[round_index]


def schedule(p: SGILOParams, round_index: int) -> Schedule:
    """Plan the annealing of a round.

    Args:
        p: The parameters of the solver.
        round_index: The round, counted from 0.

    Returns:
        The schedule.
    """
    start = p.t_start[min(round_index, len(p.t_start) - 1)]
    start = max(start, p.t_end) if start else 0.0
    return Schedule(start, p.t_end, p.num_levels, steps(p, round_index), p.final_fraction)


@dataclass(frozen=True)
class AdamDescent:
    """The iterate x and Adam's moments; `trial` is x."""

    x: Tree
    moments: Moments

    @property
    def trial(self) -> Tree:
        return self.x


@dataclass(frozen=True)
class Annealed:
    """The û that holds a chain, and the chain's descent from there."""

    anchor: Tree
    descent: AdamDescent | Descent


def begin(
    prior: Score[X], u: X, t: float, ode_steps: int, keys: Sequence[int], *path: int | str
) -> X:
    """Find û at the start of a level: u noised to its time, then denoised.

    Args:
        prior: The score prior.
        u: The chains, a tree with N rows.
        t: The level's diffusion time, in (0, 1].
        ode_steps: Steps of the probability flow.
        keys: A random key for each row.
        path: What else the noise depends on.

    Returns:
        û, a tree like u.
    """
    noise = seeds.normal_like(u, keys, *path)
    noisy = prior.noised(u, rows(t, u), noise)
    times = [t * (ode_steps - j) / ode_steps for j in range(ode_steps)]
    return probability_flow(prior, noisy, times)


def held(anchor: Tree, optimizer: str) -> Annealed:
    """Begin a descent at û, which holds the chain.

    Args:
        anchor: û, a tree with N rows.
        optimizer: ``"adam"`` or ``"lbfgs"``.

    Returns:
        The anchor and the descent before its first step.
    """
    if optimizer == "adam":
        return Annealed(anchor, AdamDescent(anchor, adam.start(anchor)))
    return Annealed(anchor, lbfgs.start(anchor))


def probability_flow(prior: Score[X], u: X, times: Sequence[float]) -> X:
    """Denoise u by the probability flow.

    Every step keeps the noise that it finds in u (DDIM; Song et al., 2021, arXiv:2010.02502).

    Args:
        prior: The score prior.
        u: The chains at time `times[0]`, a tree with N rows.
        times: The diffusion times of the steps, falling.

    Returns:
        The denoised chains, a tree like u.
    """
    clean = prior.denoise(u, rows(times[0], u))
    for now, then in itertools.pairwise(times):
        alpha, sigma = prior.schedule(rows(now, u))

        def found(leaf: Tensor, c: Tensor, a: Tensor = alpha, s: Tensor = sigma) -> Tensor:
            return (leaf - tree.per_element(a, leaf) * c) / tree.per_element(s, leaf)

        u = prior.noised(clean, rows(then, u), tree.map(found, u, clean))
        clean = prior.denoise(u, rows(then, u))
    return clean


def descend(
    now: Annealed, fit: Fit, r: float, weight: float, lr: float, active: Tensor
) -> Annealed:
    """Make a step of the descent of −log p(y|u) + λ‖u − û‖²/2r².

    Args:
        now: The anchor û and the descent.
        fit: The data term where the descent looks.
        r: How far û can be trusted, in units of the prior's spread.
        weight: λ ≥ 0.
        lr: The step size of Adam, or the longest step of L-BFGS.
        active: A mask (N,); the other rows stay.

    Returns:
        The anchor and the descent after the step.
    """
    d = now.descent
    away = tree.map(torch.sub, d.trial, now.anchor)
    pull = weight / r**2
    g = tree.map(lambda s, v: s + pull * v, fit.slope, away)
    step = lr * min(1.0, r)
    if isinstance(d, AdamDescent):
        u, moments = adam.adam(d.x, g, d.moments, step, betas=(0.9, 0.99))
        return Annealed(now.anchor, AdamDescent(tree.where(active, u, d.x), moments))
    objective = fit.nll + 0.5 * pull * tree.dot(away, away)
    after = lbfgs.step(d, objective, g, first=step, longest=lr, memory=MEMORY)
    trial = tree.where(active, after.trial, after.x)
    return Annealed(now.anchor, replace(after, trial=trial))


def width(prior: Score, t: float, u: Tree) -> float:
    """Compute how far û can be trusted.

    Args:
        prior: The score prior.
        t: The diffusion time, in (0, 1].
        u: The chains, whose device and type count.

    Returns:
        r = σ_t/α_t, at most `WIDEST`.
    """
    alpha, sigma = prior.schedule(rows(t, u)[:1])
    return min(WIDEST, float(sigma / alpha))
