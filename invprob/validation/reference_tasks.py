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
from invprob.validation.gaussian_mixture import GaussianMixture, PixelMixture

CODES = (1, 2, 3)
"""The shape of images that have a latent."""

IMAGES = (1, 16, 16)
"""The shape of those that have none: methods in pixels count on many."""


class LinearGenerator(Generator):
    """x_1 = x_2 = x_3 = z, x_4 = ½ + J z: every latent has the distribution of z.

    Args:
        distribution: Of the codes z (dim,).
        matrix: J (pixels, dim).
    """

    depth = 4
    image_shape = CODES
    matrix: Tensor

    def __init__(self, distribution: GaussianMixture, matrix: Tensor) -> None:
        super().__init__()
        self.distribution = distribution
        self.register_buffer("matrix", matrix)

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        return torch.stack([self.distribution.sample(rng) for _ in range(batch)])

    def stage(self, k: int, x: Any) -> Any:
        if not 1 <= k <= self.depth:
            raise ValueError(f"stage {k} of a generator of depth {self.depth}")
        if k < self.depth:
            return x
        image = 0.5 + x @ self.matrix.T
        return image.reshape(-1, *CODES)


@dataclass(frozen=True)
class ReferenceTask:
    """A problem with a known posterior: codes z, an image ½ + J z, and a noisy measurement of it.

    Attributes:
        name: A short name.
        description: What the prior is, in words.
        distribution: The distribution of the codes z (dim,).
        measured: How many numbers are measured, ≥ 1.
        sigma: The standard deviation of the noise, > 0, in units of [0, 1].
        latent: Whether there is a generator; without one the code is the image less ½.
    """

    name: str
    description: str
    distribution: GaussianMixture
    measured: int
    sigma: float
    latent: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image, (C, H, W)."""
        return CODES if self.latent else IMAGES

    @property
    def generator(self) -> Generator:
        """The generator; without latents, images are their own latents."""
        return LinearGenerator(self.distribution, self.map()) if self.latent else Identity(IMAGES)

    def map(self) -> Tensor:
        """J (pixels, codes); in pixels the code is the image less ½."""
        size = math.prod(self.shape)
        if not self.latent:
            return torch.eye(size, dtype=torch.float64)
        rng, dim = seeds.stream("posterior", "straight"), self.distribution.means.shape[1]
        return torch.randn(size, dim, generator=rng, dtype=torch.float64) / math.sqrt(dim)

    def codes(self, images: Tensor) -> Tensor:
        """Find the codes of images.

        Args:
            images: Images (B, C, H, W).

        Returns:
            z (B, dim), by least squares.
        """
        back: Tensor = torch.linalg.pinv(self.map())
        return (images.double().flatten(1) - 0.5) @ back.T

    def operator(self) -> Dense:
        """A (C, H, W) → (measured,), the same at every call."""
        return Dense(self.shape, self.measured, noise=WhiteNoise(self.sigma)).double()

    def truths(self, count: int) -> Tensor:
        """Draw codes, the same at every call.

        Args:
            count: How many, ≥ 1.

        Returns:
            Codes (count, dim).
        """
        return torch.stack(
            [self.distribution.sample(seeds.stream("truth", r)) for r in range(count)]
        )

    def problem(self, truths: Tensor, chains: int) -> Problem:
        """Simulate a measurement of each truth.

        Args:
            truths: Codes (R, dim).
            chains: How many rows the problem has for each measurement, ≥ 1.

        Returns:
            A problem of R × chains rows; those of one measurement stand together.
        """
        images = (0.5 + truths @ self.map().T).reshape(-1, *self.shape)
        A = self.operator()
        y = A.measure(images, [seeds.stream("noise", r) for r in range(len(truths))])
        keys = [seeds.chain_key(0, row, s) for row in y for s in range(chains)]
        G = self.generator.double()
        prior = self.distribution if self.latent else PixelMixture(self.distribution)
        priors = dict.fromkeys(range(G.depth + 1), prior)
        return Problem(tree.repeat(y, chains), A, G, tuple(keys), priors)


@dataclass(frozen=True)
class Posterior:
    """Σ_k share_rk N(centre_rk, covariance) for each measurement r.

    Attributes:
        shares: The weights of the modes, (R, K), which sum to 1 for each measurement.
        centres: The means of the modes, (R, K, dim).
        covariance: Of every mode, (dim, dim).
    """

    shares: Tensor
    centres: Tensor
    covariance: Tensor

    @property
    def mean(self) -> Tensor:
        """Of each coordinate, (R, dim)."""
        return (self.shares[..., None] * self.centres).sum(1)

    @property
    def variance(self) -> Tensor:
        """Of each coordinate, (R, dim)."""
        apart = (self.shares[..., None] * (self.centres - self.mean[:, None]) ** 2).sum(1)
        return self.covariance.diagonal() + apart


def posterior(task: ReferenceTask, y: Tensor, rotation: Tensor) -> Posterior:
    """Compute the posterior of rotated codes in closed form.

    Args:
        task: The reference task.
        y: Measurements (R, measured).
        rotation: An orthogonal matrix Q (dim, dim).

    Returns:
        The posterior of Q z given each measurement.
    """
    prior, sigma = task.distribution, task.sigma
    M = task.operator().matrix.double() @ task.map()
    offset = task.operator().matrix.double().sum(1) * 0.5
    eye = torch.eye(M.shape[1], dtype=torch.float64)
    covariance = torch.linalg.inv(eye / prior.std**2 + M.T @ M / sigma**2)
    data = (y - offset) @ M / sigma**2
    centres = (prior.means / prior.std**2 + data[:, None]) @ covariance
    evidence = prior.std**2 * M @ M.T + sigma**2 * torch.eye(len(M), dtype=torch.float64)
    gaps = (y - offset)[:, None] - prior.means @ M.T
    logits = prior.weights.log() - 0.5 * (gaps @ torch.linalg.inv(evidence) * gaps).sum(2)
    return Posterior(logits.softmax(1), centres @ rotation.T, rotation @ covariance @ rotation.T)


def _normal(dim: int, std: float) -> GaussianMixture:
    return GaussianMixture(torch.ones(1), torch.zeros(1, dim), std)


def _modes(dim: int, apart: float, std: float) -> GaussianMixture:
    way = torch.full((dim,), 1 / math.sqrt(dim))
    return GaussianMixture(torch.tensor([0.3, 0.7]), torch.stack([-apart * way, apart * way]), std)


def _atoms(dim: int, count: int, spread: float, std: float) -> GaussianMixture:
    rng = seeds.stream("posterior", "atoms")
    return GaussianMixture(torch.ones(count), spread * torch.randn(count, dim, generator=rng), std)


TASKS = (
    ReferenceTask("normal", "a normal distribution of latents", _normal(4, 1.0), 3, 0.3, True),
    ReferenceTask("modes", "two modes of latents", _modes(4, 1.5, 0.5), 2, 1.0, True),
    ReferenceTask(
        "sample", "twelve narrow atoms of latents", _atoms(4, 12, 1.0, 0.1), 2, 0.5, True
    ),
    ReferenceTask(
        "normal", "a normal distribution of images", _normal(256, 0.25), 128, 0.05, False
    ),
    ReferenceTask("modes", "two modes of images", _modes(256, 0.4, 0.12), 64, 0.25, False),
    ReferenceTask(
        "sample", "twelve narrow atoms of images", _atoms(256, 12, 0.25, 0.03), 3, 0.4, False
    ),
)
