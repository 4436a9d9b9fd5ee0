"""Predictor–corrector samplers and the probability-flow ODE of a score model.

Song et al., Score-based generative modeling through stochastic differential equations, 2021,
arXiv:2011.13456. Every row draws from the stream of its own key; norms are taken row by row.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.diffusion import sde
from invprob.diffusion.params import SamplerParams
from invprob.prior import Score, scaled

PREDICTORS = {
    "euler": sde.euler_maruyama,
    "reverse": sde.reverse_diffusion,
    "ancestral": sde.ancestral,
}
CORRECTORS = {"langevin": sde.langevin, "annealed": sde.annealed_langevin}


def cold(prior: Score, like: Any, keys: Sequence[int]) -> Any:
    """The law at t = 1, N(0, σ_1²), one row per key; `like` is a tree of the right shapes."""
    many = tree.map(lambda leaf: leaf[:1].expand(len(keys), *leaf.shape[1:]), like)
    noise = seeds.normal_like(many, keys, "cold")
    _, sigma = prior.schedule(rows(1.0, noise))
    return scaled(noise, sigma)


def hot(prior: Score, u: Any, t: float, keys: Sequence[int]) -> Any:
    """u noised to time t."""
    return prior.noised(u, rows(t, u), seeds.normal_like(u, keys, "hot"))


@torch.no_grad()
def reverse(
    prior: Score, u: Any, keys: Sequence[int], params: SamplerParams, start: float = 1.0
) -> Any:
    """From u at time `start` to u at `prior.t_min`, in the model's units.

    The last step of a predictor has no noise, as published. `predictor=none` needs a corrector.
    """
    times = grid(start, max(prior.t_min, 1e-5), params.steps)
    for i, (now, then) in enumerate(itertools.pairwise(times)):
        t, to = rows(now, u), rows(then, u)
        if params.predictor == "ode":
            u = heun(prior, u, t, to)
            continue
        for j in range(params.corrections if params.corrector != "none" else 0):
            noise = seeds.normal_like(u, keys, "corrector", i, j)
            u = CORRECTORS[params.corrector](prior, u, t, noise, params.snr)
        if params.predictor != "none":
            last = i == len(times) - 2
            noise = None if last else seeds.normal_like(u, keys, "predictor", i)
            u = PREDICTORS[params.predictor](prior, u, t, to, noise)
    return u


def heun(prior: Score, u: Any, t: Tensor, to: Tensor) -> Any:
    """One step of the probability flow by Heun's rule, of second order."""
    h = to - t
    first = sde.flow(prior, u, t)
    ahead = tree.map(torch.add, u, scaled(first, h))
    second = sde.flow(prior, ahead, to)
    return tree.map(lambda v, a, b: v + tree.per_element(h, v) * (a + b) / 2, u, first, second)


def grid(start: float, end: float, steps: int) -> list[float]:
    """steps + 1 times from start to end, closer to each other near the end (evenly in √t)."""
    roots = torch.linspace(start**0.5, end**0.5, steps + 1, dtype=torch.float64)
    return [float(root) ** 2 for root in roots]


def rows(t: float, u: Any) -> Tensor:
    """The time t for every row of the tree u."""
    like = tree.leaves(u)[0]
    return torch.full((len(like),), t, dtype=like.dtype, device=like.device)
