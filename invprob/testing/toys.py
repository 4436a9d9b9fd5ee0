"""Toys of which everything is known in closed form: linear maps and Gaussian distributions.

With them a solver, a prior or an operator is tried alone, without weights and in milliseconds. They
are written as a plugin's components should be, and pass the checks themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.diffusion import schedules
from invprob.generator import Generator, Identity, Latent
from invprob.noise import Noise, WhiteNoise
from invprob.operator import LinearOperator
from invprob.prior import Denoiser, LogDensity, Prior, Proximal, Score
from invprob.solver import Problem

SHAPE = (1, 4, 4)
CODE = 6
SIGMA = 0.05
"""The standard deviation of the noise."""


@dataclass(frozen=True)
class Carry(Latent):
    """The latents x_1 and x_2 of `Linear`.

    Attributes:
        h: Features (B, n).
        w: Codes (B, m) that later stages read.
    """

    roles: ClassVar = {"h": "features", "w": "codes"}

    h: Tensor
    w: Tensor


class Linear(Generator):
    """x_3 = ½ + J z in three stages; a part of the input z (B, 6) enters at each."""

    depth = 3
    image_shape = SHAPE
    latents: tuple[type, ...] = (Carry,)
    first: Tensor
    second: Tensor
    third: Tensor

    def __init__(self) -> None:
        super().__init__()
        rng = seeds.stream("testing", "linear")
        for name, inputs, outputs in (("first", 2, 4), ("second", 6, 8), ("third", 10, 16)):
            matrix = torch.randn(inputs, outputs, generator=rng, dtype=torch.float64)
            self.register_buffer(name, (matrix / math.sqrt(inputs)).float())

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        return torch.randn(batch, CODE, generator=rng).to(self.first)

    def stage(self, k: int, x: Any) -> Any:
        if k == 1:
            return Carry(h=x[:, :2] @ self.first, w=x[:, 2:])
        if k == 2:
            return Carry(h=torch.cat([x.h, x.w[:, :2]], 1) @ self.second, w=x.w[:, 2:])
        if k == 3:
            flat = torch.cat([x.h, x.w], 1) @ self.third
            return 0.5 + 0.2 * flat.reshape(-1, *SHAPE)
        raise ValueError(f"stage {k} of a generator of depth {self.depth}")

    def reference(self, z: Tensor) -> Tensor:
        """The image in one piece, without stages.

        Args:
            z: Inputs (B, 6).

        Returns:
            Images (B, 1, 4, 4).
        """
        carried = torch.cat([z[:, :2] @ self.first, z[:, 2:4]], 1) @ self.second
        flat = torch.cat([carried, z[:, 4:]], 1) @ self.third
        return 0.5 + 0.2 * flat.reshape(-1, *SHAPE)


@dataclass(frozen=True)
class Parts(Latent):
    """The input of `Parted`.

    Attributes:
        early: What the first stage reads, (B, 2).
        late: What later stages read, (B, 4).
    """

    roles: ClassVar = {"early": "input", "late": "input"}

    early: Tensor
    late: Tensor


class Parted(Linear):
    """`Linear` with its input in two parts."""

    latents = (Parts, Carry)

    def sample(self, batch: int, rng: torch.Generator) -> Parts:  # type: ignore[override]
        z = super().sample(batch, rng)
        return Parts(early=z[:, :2], late=z[:, 2:])

    def stage(self, k: int, x: Any) -> Any:
        return super().stage(k, torch.cat([x.early, x.late], 1) if k == 1 else x)


class Dense(LinearOperator):
    """y = M x for a matrix M of independent normal entries of variance 1/n.

    Args:
        in_shape: The shape of one image, of n values.
        measured: The length of a measurement.
        seed: The seed of M.
        noise: By default white noise of standard deviation `SIGMA`.
    """

    matrix: Tensor

    def __init__(
        self,
        in_shape: Sequence[int] = SHAPE,
        measured: int = 8,
        seed: int = 0,
        noise: Noise | None = None,
    ) -> None:
        super().__init__(WhiteNoise(SIGMA) if noise is None else noise)
        self.in_shape, self.out_shape = tuple(in_shape), (measured,)
        size = math.prod(in_shape)
        rng = seeds.stream("testing", "dense", seed)
        matrix = torch.randn(measured, size, generator=rng, dtype=torch.float64)
        self.register_buffer("matrix", matrix / math.sqrt(size))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.matrix.to(x.dtype).T


class Normal(Prior):
    """N(mean, std²) on every coordinate; what it can do is what is mixed in.

    Args:
        mean: The mean of every coordinate.
        std: The standard deviation of every coordinate, > 0.
    """

    def __init__(self, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__()
        self.mean, self.std = mean, std


class Density(Normal, LogDensity):
    """log p."""

    def log_density(self, x: Any) -> Tensor:
        centred = tree.map(lambda leaf: (leaf - self.mean) / self.std, x)
        return -0.5 * tree.dot(centred, centred)


class Diffused(Normal, Score):
    """The scores of the diffused distribution.

    The diffusion preserves variance (Song et al., 2021, arXiv:2011.13456).
    """

    t_min = 1e-3

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return schedules.vp(t)

    def score(self, u: Any, t: Tensor) -> Any:
        alpha, sigma = self.schedule(t)
        variance = (alpha * self.std) ** 2 + sigma**2

        def leaf_score(leaf: Tensor) -> Tensor:
            centred = tree.per_element(alpha, leaf) * self.mean - leaf
            return centred / tree.per_element(variance, leaf)

        return tree.map(leaf_score, u)


class Denoised(Denoiser, Diffused):
    """The same distribution by its denoiser."""

    def denoise(self, u: Any, t: Tensor) -> Any:
        alpha, sigma = self.schedule(t)
        gain = alpha * self.std**2 / ((alpha * self.std) ** 2 + sigma**2)

        def mean(leaf: Tensor) -> Tensor:
            centred = leaf - tree.per_element(alpha, leaf) * self.mean
            return self.mean + tree.per_element(gain, leaf) * centred

        return tree.map(mean, u)


class Shrinking(Normal, Proximal):
    """The proximal map of −log p."""

    def prox(self, x: Any, tau: float = 1.0) -> Any:
        weight = self.std**2 / (self.std**2 + tau)
        return tree.map(lambda leaf: self.mean + weight * (leaf - self.mean), x)


ABILITIES: dict[str, type[Normal]] = {
    "log_density": Density,
    "score": Diffused,
    "denoiser": Denoised,
    "proximal": Shrinking,
}


def normal(abilities: Iterable[str], mean: float = 0.0, std: float = 1.0) -> Normal:
    """The normal prior with some abilities and no other.

    Args:
        abilities: Names as in a manifest's `offers`: ``"log_density"``, ``"score"``, …
        mean: The mean of every coordinate.
        std: The standard deviation of every coordinate, > 0.

    Returns:
        An instance of `Normal` with these abilities.
    """
    chosen = [ABILITIES[name] for name in ABILITIES if name in set(abilities)]
    least = [c for c in chosen if not any(c is not d and issubclass(d, c) for d in chosen)]
    made: Normal = type("Normal", (*least, Normal), {})(mean, std)
    return made


def problem(
    generator: bool,
    abilities: Iterable[str],
    rows: int = 2,
    chains: int = 2,
    dtype: torch.dtype = torch.float64,
) -> Problem:
    """A small problem with the same prior at every stage.

    Args:
        generator: Whether there is a generator; without one, images are normal around ½.
        abilities: What the prior can do, as `normal` takes it.
        rows: The number of measurements.
        chains: The number of samples of each.
        dtype: The precision, double by default.

    Returns:
        A problem of rows × chains rows.
    """
    G = Linear() if generator else Identity(SHAPE)
    prior = normal(abilities) if generator else normal(abilities, mean=0.5, std=0.2)
    A = Dense()
    truths = Linear()
    truth = truths(torch.cat([truths.sample(1, seeds.stream("truth", r)) for r in range(rows)]))
    y = A.measure(truth.double(), [seeds.stream("noise", r) for r in range(rows)])
    keys = [seeds.chain_key(0, row, s) for row in y for s in range(chains)]
    priors = dict.fromkeys(range(G.depth + 1), prior)
    y = tree.repeat(y.to(dtype), chains)
    return Problem(y, A.to(dtype), G.to(dtype), tuple(keys), priors)
