"""Predictor–corrector samplers and the probability-flow ODE of a score model.

Song et al., Score-based generative modeling through stochastic differential equations, 2021,
arXiv:2011.13456. Every row draws from the stream of its own key; norms are taken row by row.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.diffusion import sde
from invprob.diffusion.params import SamplerParams
from invprob.prior import Score, scaled
from invprob.tree import Tree, X

PREDICTORS = {
    "euler": sde.euler_maruyama,
    "reverse": sde.reverse_diffusion,
    "ancestral": sde.ancestral,
}
CORRECTORS = {"langevin": sde.langevin, "annealed": sde.annealed_langevin}


def cold(prior: Score[X], like: X, keys: Sequence[int]) -> X:
    """Draws at t = 1, where u is N(0, σ_1²).

    Args:
        prior: The model, of which the schedule is used.
        like: A latent of the right shapes, batch first.
        keys: One random key per draw.

    Returns:
        A latent like `like` of len(keys) rows, in the model's units.
    """
    many = tree.map(lambda leaf: leaf[:1].expand(len(keys), *leaf.shape[1:]), like)
    noise = seeds.normal_like(many, keys, "cold")
    _, sigma = prior.schedule(rows(1.0, noise))
    return scaled(noise, sigma)


def hot(prior: Score[X], u: X, t: float, keys: Sequence[int]) -> X:
    """Latents noised to a time.

    Args:
        prior: The model, of which the schedule is used.
        u: Latents u_0 in the model's units, batch first.
        t: The time in [0, 1].
        keys: One random key per row.

    Returns:
        u_t, a latent like u.
    """
    return prior.noised(u, rows(t, u), seeds.normal_like(u, keys, "hot"))


@torch.no_grad()
def reverse(
    prior: Score[X], u: X, keys: Sequence[int], params: SamplerParams, start: float = 1.0
) -> X:
    """Follow the reverse process from a time to the least noise.

    The last step of a predictor has no noise, as published.

    Args:
        prior: The model.
        u: Noised latents at time `start` in the model's units, batch first.
        keys: One random key per row.
        params: The predictor, the corrector and the number of steps.
        start: The time in [t_min, 1] to start from.

    Returns:
        u at `prior.t_min`, a latent like u; `prior.restore` gives x.

    Raises:
        BadParams: If the start is below `prior.t_min`.
    """
    prior.check_time(start, "start")
    times = grid(start, max(prior.t_min, 1e-5), params.steps)
    for i, (now, then) in enumerate(itertools.pairwise(times)):
        t, to = rows(now, u), rows(then, u)
        if params.predictor == "ode":
            u = heun(prior, u, t, to)
            continue
        for j in range(params.corrections if params.corrector != "none" else 0):
            kick = seeds.normal_like(u, keys, "corrector", i, j)
            u = CORRECTORS[params.corrector](prior, u, t, kick, params.snr)
        if params.predictor != "none":
            last = i == len(times) - 2
            noise = None if last else seeds.normal_like(u, keys, "predictor", i)
            u = PREDICTORS[params.predictor](prior, u, t, to, noise)
    return u


def heun(prior: Score[X], u: X, t: Tensor, to: Tensor) -> X:
    """One step of the probability flow by Heun's rule, of second order.

    Args:
        prior: The model.
        u: Noised latents u_t in the model's units, batch first.
        t: Times in (0, 1], (B,).
        to: Times to go to, (B,).

    Returns:
        u_to, a latent like u.
    """
    h = to - t
    first = sde.flow(prior, u, t)
    ahead = tree.map(torch.add, u, scaled(first, h))
    second = sde.flow(prior, ahead, to)
    return tree.map(lambda v, a, b: v + tree.per_element(h, v) * (a + b) / 2, u, first, second)


def grid(start: float, end: float, steps: int) -> list[float]:
    """Times from start to end, closer to each other near the end (evenly in √t).

    Args:
        start: The first time, in [0, 1].
        end: The last time, in [0, 1].
        steps: The number of intervals.

    Returns:
        steps + 1 times.
    """
    roots = torch.linspace(start**0.5, end**0.5, steps + 1, dtype=torch.float64)
    return [float(root) ** 2 for root in roots]


def rows(t: float, u: Tree) -> Tensor:
    """One time for every row.

    Args:
        t: The time.
        u: A latent, batch first.

    Returns:
        Times (B,), of the precision and on the device of u.
    """
    like = tree.leaves(u)[0]
    return torch.full((len(like),), t, dtype=like.dtype, device=like.device)
