"""A score prior over the latent of one stage of the generator.

Leaves are normalised channel by channel with moments stored beside the weights. Style codes, and
the positions of features and image so far, are the tokens of one transformer, so their dependence
is learned. Noise maps and input codes are standard normal by construction and their score is exact.

The network is trained by denoising score matching (Song et al., 2021, arXiv:2011.13456) in the form
of v-prediction (Salimans and Ho, 2022, arXiv:2202.00512). A schedule (α, σ) that does not preserve
variance enters as the one that does: u_t/c with α/c and σ/c, where c² = α² + σ². The network adds
to the velocity of a normal distribution: see `normal_velocity`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from invprob import tree
from invprob.diffusion.schedules import SCHEDULES
from invprob.errors import Incompatible
from invprob.gaussian.factors import Factors
from invprob.generator import Generator
from invprob.latents import roles, stages
from invprob.prior import Score, scaled
from invprob.tree import Tree, X
from invprob_sgilo.bundled import bundled_sha256
from invprob_sgilo.score.checkpoint import Size, read_prior, write_prior
from invprob_sgilo.score.files import find
from invprob_sgilo.score.normal_velocity import NormalVelocity
from invprob_sgilo.score.params import LatentScoreParams
from invprob_sgilo.score.representation_error import RepresentationError
from invprob_sgilo.score.vit import ViT
from invprob_sgilo.stylegan2.generator import StyleGAN2

EXACT = ("noise", "input")
"""Roles of leaves that are standard normal by construction."""


class LatentScore(Score):
    """s(u, t) for latents of one stage, u in units of each channel's own spread.

    `LatentScore.pretrained("faces64", stage=1, generator=G)` reads weights; the constructor makes
    the score of a normal distribution, to be trained.

    Args:
        like: Latents of the stage, batch first, whose shapes the network is for.
        size: The size of the network, and the noise schedule.
    """

    t_min = 1e-3

    def __init__(self, like: Tree, size: Size) -> None:
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
        # a leaf each: beside the features, the image so far would hardly count
        dims = {name: math.prod(named[name].shape[1:]) for name in self.learned}
        self.normal = nn.ModuleDict(
            {n: NormalVelocity(d, min(size.rank, d)) for n, d in dims.items() if size.rank > 0}
        )
        self.error = RepresentationError(size.error) if size.error else None

    @classmethod
    def pretrained(
        cls,
        weights: str | Path = "auto",
        *,
        stage: int,
        generator: Generator,
        sha256: str | None = None,
    ) -> Self:
        """The prior of bundled weights, or of a file.

        Args:
            weights: The name of a bundled generator such as ``"faces64"``, the path of a prior, or
                ``"auto"``: the prior that stands beside the generator's weights.
            stage: The stage whose latents it is over, from 1 to the generator's depth − 1.
            generator: The generator whose latents they are.
            sha256: The SHA-256 of the file, checked if given.

        Returns:
            The prior, on the CPU, in evaluation mode and without gradients of its weights.

        Raises:
            BadWeights: If there is no such prior, or it does not fit the latents of the stage.
            Incompatible: If the generator's latents are not of the kind that priors are over.
        """
        params = LatentScoreParams(weights=str(weights), sha256=sha256)
        return cls.from_params(params, generator, stage).eval().requires_grad_(False)

    @classmethod
    def from_params(cls, params: LatentScoreParams, generator: Generator, stage: int) -> Self:
        """As `pretrained`, of all parameters at once: the factory that the manifest names.

        Args:
            params: The parameters.
            generator: The generator over whose latents the prior is.
            stage: The stage, from 1 to the generator's depth − 1.

        Returns:
            The prior, on the CPU.
        """
        if isinstance(generator, StyleGAN2) and generator.gaussian:
            raise Incompatible(
                "latent-score knows style codes w, and the generator's latents hold Gaussian codes",
                "leave out codes=gaussian, or take published-score",
            )
        path = find(params.weights, getattr(generator, "source", None), stage)
        like = stages.draws(generator, stage, [0], "like")
        known = params.sha256 or bundled_sha256(path)
        return read_prior(path, lambda size: cls(like, size), stage, known)

    def save(self, path: Path, stage: int, metadata: Mapping[str, object]) -> None:
        """Write the weights as float16 to a file that `pretrained` reads.

        Args:
            path: The file, .safetensors.
            stage: The stage whose latents the prior is over.
            metadata: How the weights were made.
        """
        write_prior(path, self.size, self.state_dict(), stage, metadata)

    @property
    def representation_error(self) -> Factors | None:  # type: ignore[override]
        return self.error.factors if self.error else None

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self._schedule(t)

    def score(self, u: X, t: Tensor) -> X:
        alpha, sigma = self.schedule(t)
        c = (alpha**2 + sigma**2).sqrt()
        v = self.velocity(scaled(u, 1 / c), t)

        out = []
        for name, leaf in tree.items(u):
            a, s, n = (tree.per_element(f, leaf) for f in (alpha, sigma, c))
            noise = s * leaf / n**2 + (a / n * v[name] if name in self.learned else 0)
            out.append(-noise / s)
        return tree.unflatten(u, out)

    def velocity(self, u: Tree, t: Tensor) -> dict[str, Tensor]:
        """The network's estimate of v = (α ε − σ u_0)/c.

        Args:
            u: u_t/c in the model's units, batch first.
            t: Times in [t_min, 1], (B,).

        Returns:
            v by name of the learned leaves.
        """
        alpha, sigma = self.schedule(t)
        named = dict(tree.items(u))
        tokens = [self._tokens([named[n] for n in group]) for group in self.groups]
        answers = self.net(tokens, (alpha / sigma).log())
        found: dict[str, Tensor] = {}
        for group, answer in zip(self.groups, answers, strict=True):
            found |= self._leaves(group, [named[n] for n in group], answer)
        c = (alpha**2 + sigma**2).sqrt()
        a, s = (alpha / c)[:, None], (sigma / c)[:, None]
        for name, normal in self.normal.items():
            x, added = named[name], found[name]
            found[name] = normal(x.flatten(1), added.flatten(1), a, s).view_as(x)
        return found

    def fit_normalisation(self, x: Tree) -> None:
        """Take shift and scale, channel by channel, and the normal distribution from latents.

        Args:
            x: Latents of the stage, batch first.
        """
        for name, leaf in tree.items(x):
            if name in self.learned:
                dims = [d for d in range(leaf.dim()) if d != (2 if leaf.dim() == 3 else 1)]
                self.shift[name].data = leaf.mean(dims).reshape(_channels(leaf))
                self.scale[name].data = leaf.std(dims).clamp_min(1e-4).reshape(_channels(leaf))
        named = dict(tree.items(self.normalise(x)))
        for name, normal in self.normal.items():
            assert isinstance(normal, NormalVelocity)
            normal.fit(named[name].flatten(1))

    def normalise(self, x: X) -> X:
        named = tree.items(x)
        return tree.unflatten(
            x,
            [(v - self.shift[n]) / self.scale[n] if n in self.learned else v for n, v in named],
        )

    def restore(self, u: X) -> X:
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


def matching_loss(prior: LatentScore, x: X, t: Tensor, noise: X) -> Tensor:
    """Denoising score matching in v (Salimans and Ho, 2022, arXiv:2202.00512).

    Args:
        prior: The model.
        x: Latents of the stage, batch first.
        t: Times in [t_min, 1], (B,).
        noise: ε, a latent like x of standard normal numbers.

    Returns:
        ‖v̂ − v‖² per learned coordinate, (B,).
    """
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
