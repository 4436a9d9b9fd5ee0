"""A score prior over the latent of one stage of the generator.

Leaves are normalised channel by channel with moments stored beside the weights. Style codes, and
the positions of features and image so far, are the tokens of one transformer, so their dependence
is learned. Noise maps and input codes are standard normal by construction and their score is exact.

The network is trained by denoising score matching (Song et al., 2021, arXiv:2011.13456) in the form
of v-prediction (Salimans and Ho, 2022, arXiv:2202.00512). A schedule (α, σ) that does not preserve
variance enters as the one that does: u_t/c with α/c and σ/c, where c² = α² + σ².
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from invprob import tree
from invprob.diffusion.schedules import SCHEDULES
from invprob.latents import roles
from invprob.prior import Score, scaled
from invprob_sgilo.score.vit import ViT

EXACT = ("noise", "input")
"""Roles of leaves that are standard normal by construction."""


@dataclass(frozen=True)
class Size:
    """The transformer's size, the side of a token in feature positions, and the noise schedule."""

    width: int = 128
    depth: int = 4
    heads: int = 4
    patch: int = 1
    sde: str = "vp"


class LatentScore(Score):
    """s(u, t) for latents with the leaves of `like`, u in units of each channel's own spread."""

    t_min = 1e-3

    def __init__(self, like: Any, size: Size) -> None:
        super().__init__()
        self.size = size
        self.patch = size.patch
        self._schedule = SCHEDULES[size.sde]
        named = dict(tree.items(like))
        parts = zip(named, roles.of_leaves(like), strict=True)
        self.learned = [name for name, role in parts if role not in EXACT]
        codes = [n for n in self.learned if named[n].dim() == 3]
        maps = [n for n in self.learned if named[n].dim() == 4]
        self.groups = [g for g in (codes, maps) if g]
        self.shift = nn.ParameterDict()
        self.scale = nn.ParameterDict()
        for name in self.learned:
            shape = _channels(named[name])
            self.shift[name] = nn.Parameter(torch.zeros(shape), requires_grad=False)
            self.scale[name] = nn.Parameter(torch.ones(shape), requires_grad=False)
        sizes = [tuple(self._tokens([named[n] for n in group]).shape[1:]) for group in self.groups]
        self.net = ViT([(t, c) for t, c in sizes], size.width, size.depth, size.heads)

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self._schedule(t)

    def score(self, u: Any, t: Tensor) -> Any:
        """∇ log p_t(u); a tree like u, whose leaves are (B, …), and t is (B,)."""
        alpha, sigma = self.schedule(t)
        c = (alpha**2 + sigma**2).sqrt()
        v = self.velocity(scaled(u, 1 / c), t)

        out = []
        for name, leaf in tree.items(u):
            a, s, n = (tree.per_element(f, leaf) for f in (alpha, sigma, c))
            noise = s * leaf / n**2 + (a / n * v[name] if name in self.learned else 0)
            out.append(-noise / s)
        return tree.unflatten(u, out)

    def velocity(self, u: Any, t: Tensor) -> dict[str, Tensor]:
        """The network's estimate of v = (α ε − σ u_0)/c for the learned leaves of u_t/c."""
        alpha, sigma = self.schedule(t)
        named = dict(tree.items(u))
        tokens = [self._tokens([named[n] for n in group]) for group in self.groups]
        answers = self.net(tokens, (alpha / sigma).log())
        found: dict[str, Tensor] = {}
        for group, answer in zip(self.groups, answers, strict=True):
            found |= self._leaves(group, [named[n] for n in group], answer)
        return found

    def fit_normalisation(self, x: Any) -> None:
        """Take shift and scale, channel by channel, from a batch of latents."""
        for name, leaf in tree.items(x):
            if name in self.learned:
                dims = [d for d in range(leaf.dim()) if d != (2 if leaf.dim() == 3 else 1)]
                self.shift[name].data = leaf.mean(dims).reshape(_channels(leaf))
                self.scale[name].data = leaf.std(dims).clamp_min(1e-4).reshape(_channels(leaf))

    def normalise(self, x: Any) -> Any:
        """(x − shift)/scale on the learned leaves."""
        named = tree.items(x)
        return tree.unflatten(
            x,
            [(v - self.shift[n]) / self.scale[n] if n in self.learned else v for n, v in named],
        )

    def restore(self, u: Any) -> Any:
        """shift + scale·u on the learned leaves."""
        named = tree.items(u)
        return tree.unflatten(
            u, [v * self.scale[n] + self.shift[n] if n in self.learned else v for n, v in named]
        )

    def _tokens(self, leaves: list[Tensor]) -> Tensor:
        """Codes (B, L, D) as they are; maps (B, C, H, W) as (H/p)(W/p) tokens of p²·ΣC channels."""
        if leaves[0].dim() == 3:
            return torch.cat(leaves, 2)
        stacked = nn.functional.pixel_unshuffle(torch.cat(leaves, 1), self.patch)
        return stacked.flatten(2).transpose(1, 2)

    def _leaves(self, names: list[str], like: list[Tensor], tokens: Tensor) -> dict[str, Tensor]:
        if like[0].dim() == 3:
            parts = torch.split(tokens, [leaf.shape[2] for leaf in like], 2)
            return dict(zip(names, parts, strict=True))
        height, width = (side // self.patch for side in like[0].shape[2:])
        stacked = tokens.transpose(1, 2).reshape(len(tokens), -1, height, width)
        whole = nn.functional.pixel_shuffle(stacked, self.patch)
        parts = torch.split(whole, [leaf.shape[1] for leaf in like], 1)
        return dict(zip(names, parts, strict=True))


def _channels(leaf: Tensor) -> tuple[int, ...]:
    """The shape of one number per channel: codes (B, L, D) → (1, 1, D), maps → (1, C, 1, 1)."""
    return (1, 1, leaf.shape[2]) if leaf.dim() == 3 else (1, leaf.shape[1], 1, 1)


def matching_loss(prior: LatentScore, x: Any, t: Tensor, noise: Any) -> Tensor:
    """Denoising score matching in v: mean ‖v̂ − v‖² per learned coordinate, of shape (B,)."""
    alpha, sigma = prior.schedule(t)
    c = (alpha**2 + sigma**2).sqrt()
    alpha, sigma = alpha / c, sigma / c
    u0 = prior.normalise(x)

    def mix(leaf: Tensor, e: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return tree.per_element(a, leaf) * leaf + tree.per_element(b, leaf) * e

    u = tree.map(lambda leaf, e: mix(leaf, e, alpha, sigma), u0, noise)
    target = dict(tree.items(tree.map(lambda leaf, e: mix(leaf, e, -sigma, alpha), u0, noise)))
    found = prior.velocity(u, t)
    total = sum(((found[n] - target[n]) ** 2).flatten(1).sum(1) for n in prior.learned)
    count = sum(math.prod(target[n].shape[1:]) for n in prior.learned)
    assert isinstance(total, Tensor)
    return total / count
