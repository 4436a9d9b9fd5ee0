"""Problems with a known posterior, in pixels for solvers without a generator, else in a latent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.generator import Generator, Identity
from invprob.noise import WhiteNoise
from invprob.solver import Problem
from invprob.testing.toys import Dense
from invprob.validation.gaussian_mixture import Mixture, Pixels

CODES = (1, 2, 3)
"""The shape of images that have a latent."""

IMAGES = (1, 16, 16)
"""The shape of those that have none: methods in pixels count on many."""


class Straight(Generator):
    """x_1 = x_2 = x_3 = z, x_4 = ½ + J z: the law of z is that of every latent."""

    depth = 4
    image_shape = CODES
    matrix: Tensor

    def __init__(self, law: Mixture, matrix: Tensor) -> None:
        super().__init__()
        self.law = law
        self.register_buffer("matrix", matrix)

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        return torch.stack([self.law.sample(rng) for _ in range(batch)])

    def stage(self, k: int, x: Any) -> Any:
        if not 1 <= k <= self.depth:
            raise ValueError(f"stage {k} of a generator of depth {self.depth}")
        if k < self.depth:
            return x
        image = 0.5 + x @ self.matrix.T
        return image.reshape(-1, *CODES)


@dataclass(frozen=True)
class World:
    """A law of codes z, an image ½ + J z, `measured` numbers of it with noise σ."""

    name: str
    what: str
    law: Mixture
    measured: int
    sigma: float
    latent: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        return CODES if self.latent else IMAGES

    @property
    def generator(self) -> Generator:
        return Straight(self.law, self.map()) if self.latent else Identity(IMAGES)

    def map(self) -> Tensor:
        """J (pixels, codes); in pixels the code is the image less ½."""
        size = math.prod(self.shape)
        if not self.latent:
            return torch.eye(size, dtype=torch.float64)
        rng, dim = seeds.stream("posterior", "straight"), self.law.means.shape[1]
        return torch.randn(size, dim, generator=rng, dtype=torch.float64) / math.sqrt(dim)

    def codes(self, images: Tensor) -> Tensor:
        """z (B, dim) of images."""
        back: Tensor = torch.linalg.pinv(self.map())
        return (images.double().flatten(1) - 0.5) @ back.T

    def operator(self) -> Dense:
        return Dense(self.shape, self.measured, noise=WhiteNoise(self.sigma)).double()

    def truths(self, count: int) -> Tensor:
        """Codes (count, dim), drawn from the law."""
        return torch.stack([self.law.sample(seeds.stream("truth", r)) for r in range(count)])

    def problem(self, truths: Tensor, chains: int) -> Problem:
        """A measurement of each truth, and `chains` rows for each."""
        images = (0.5 + truths @ self.map().T).reshape(-1, *self.shape)
        A = self.operator()
        y = A.measure(images, [seeds.stream("noise", r) for r in range(len(truths))])
        keys = [seeds.chain_key(0, row, s) for row in y for s in range(chains)]
        G = self.generator.double()
        prior = self.law if self.latent else Pixels(self.law)
        priors = dict.fromkeys(range(G.depth + 1), prior)
        return Problem(tree.repeat(y, chains), A, G, tuple(keys), priors)


@dataclass(frozen=True)
class Posterior:
    """Σ_k share_rk N(centre_rk, covariance) for each measurement r."""

    shares: Tensor
    centres: Tensor
    covariance: Tensor

    @property
    def mean(self) -> Tensor:
        """(R, dim)."""
        return (self.shares[..., None] * self.centres).sum(1)

    @property
    def variance(self) -> Tensor:
        """Of each coordinate, (R, dim)."""
        apart = (self.shares[..., None] * (self.centres - self.mean[:, None]) ** 2).sum(1)
        return self.covariance.diagonal() + apart


def posterior(world: World, y: Tensor, rotation: Tensor) -> Posterior:
    """The posterior of rotation @ z given y (R, measured)."""
    law, sigma = world.law, world.sigma
    M = world.operator().matrix.double() @ world.map()
    offset = world.operator().matrix.double().sum(1) * 0.5
    eye = torch.eye(M.shape[1], dtype=torch.float64)
    covariance = torch.linalg.inv(eye / law.std**2 + M.T @ M / sigma**2)
    data = (y - offset) @ M / sigma**2
    centres = (law.means / law.std**2 + data[:, None]) @ covariance
    evidence = law.std**2 * M @ M.T + sigma**2 * torch.eye(len(M), dtype=torch.float64)
    gaps = (y - offset)[:, None] - law.means @ M.T
    logits = law.weights.log() - 0.5 * (gaps @ torch.linalg.inv(evidence) * gaps).sum(2)
    return Posterior(logits.softmax(1), centres @ rotation.T, rotation @ covariance @ rotation.T)


def _normal(dim: int, std: float) -> Mixture:
    return Mixture(torch.ones(1), torch.zeros(1, dim), std)


def _modes(dim: int, apart: float, std: float) -> Mixture:
    way = torch.full((dim,), 1 / math.sqrt(dim))
    return Mixture(torch.tensor([0.3, 0.7]), torch.stack([-apart * way, apart * way]), std)


def _atoms(dim: int, count: int, spread: float, std: float) -> Mixture:
    rng = seeds.stream("posterior", "atoms")
    return Mixture(torch.ones(count), spread * torch.randn(count, dim, generator=rng), std)


WORLDS = (
    World("normal", "a normal law of latents", _normal(4, 1.0), 3, 0.3, True),
    World("modes", "two modes of latents", _modes(4, 1.5, 0.5), 2, 1.0, True),
    World("sample", "twelve narrow atoms of latents", _atoms(4, 12, 1.0, 0.1), 2, 0.5, True),
    World("normal", "a normal law of images", _normal(256, 0.25), 128, 0.05, False),
    World("modes", "two modes of images", _modes(256, 0.4, 0.12), 64, 0.25, False),
    World("sample", "twelve narrow atoms of images", _atoms(256, 12, 0.25, 0.03), 3, 0.4, False),
)
