"""The log-likelihood of a score model, by its probability flow.

log p(u_0) = log N(u_1; 0, σ_1²) + ∫ div f dt along the flow f from the least noise to t = 1 (Song
et al., 2021, arXiv:2011.13456). The divergence is exact for small latents, else estimated from
random signs (Hutchinson, 1990). Divide by dim·log 2 for bits per dimension.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.diffusion import sde
from invprob.diffusion.samplers import grid, rows
from invprob.prior import Score, scaled
from invprob.tree import X


@torch.no_grad()
def log_likelihood(
    prior: Score[X], u: X, keys: Sequence[int], steps: int = 100, probes: int | None = None
) -> Tensor:
    """log p(u) of latents in the model's units; for x itself, add log |du/dx|.

    Args:
        prior: The model.
        u: Latents u_0 in the model's units, batch first.
        keys: One random key per row.
        steps: Intervals on which Heun's rule integrates.
        probes: Random directions that estimate the divergence; None takes one per coordinate,
            which is exact.

    Returns:
        log p(u) in nats, (B,).
    """
    like = tree.map(torch.zeros_like, u)
    directions = _signs(like, keys, probes) if probes is not None else _basis(like)
    times = grid(1.0, max(prior.t_min, 1e-5), steps)[::-1]
    gained = torch.zeros(tree.batch(u)).to(tree.leaves(u)[0])
    for now, then in itertools.pairwise(times):
        t, to = rows(now, u), rows(then, u)
        h = to - t
        first, divergence = _flow(prior, u, t, directions)
        ahead = tree.map(torch.add, u, scaled(first, h))
        second, other = _flow(prior, ahead, to, directions)
        u = tree.map(
            lambda v, a, b, h=h: v + tree.per_element(h, v) * (a + b) / 2, u, first, second
        )
        gained = gained + h * (divergence + other) / 2
    _, sigma = prior.schedule(rows(1.0, u))
    dim = sum(leaf[0].numel() for leaf in tree.leaves(u))
    normal = -0.5 * tree.dot(u, u) / sigma**2 - dim * (sigma.log() + 0.5 * math.log(2 * math.pi))
    return normal + gained


def _flow(prior: Score[X], u: X, t: Tensor, directions: list[X]) -> tuple[X, Tensor]:
    """The flow at u, and the sum of ⟨v, ∂f v⟩ over the directions v."""
    with torch.enable_grad():
        leaf = tree.variables(u)
        f = sde.flow(prior, leaf, t)
        total = torch.zeros_like(t)
        for v in directions:
            pushed = torch.autograd.grad(tree.dot(f, v).sum(), tree.leaves(leaf), retain_graph=True)
            total = total + tree.dot(tree.unflatten(u, list(pushed)), v)
    return tree.detach(f), total.detach()


def _signs(like: X, keys: Sequence[int], probes: int) -> list[X]:
    """Random signs ±1, scaled so that the sum over the probes estimates the trace."""
    drawn = [seeds.normal_like(like, keys, "probe", j) for j in range(probes)]
    return [tree.map(lambda leaf: leaf.sign() / math.sqrt(probes), v) for v in drawn]


def _basis(like: X) -> list[X]:
    """One unit vector per coordinate, the same in every row."""
    vectors = []
    for index, leaf in enumerate(tree.leaves(like)):
        for coordinate in range(leaf[0].numel()):
            new = [torch.zeros_like(other) for other in tree.leaves(like)]
            new[index].view(len(leaf), -1)[:, coordinate] = 1
            vectors.append(tree.unflatten(like, new))
    return vectors
