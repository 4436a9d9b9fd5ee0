"""Worlds that are hard for a chain in one way each, with posteriors that are known."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.generator import Generator, Latent
from invprob.solver import Problem
from invprob_basics.identity import Identity
from invprob_basics.noise import GaussianNoise
from invprob_basics.priors import Gaussian

STIFFEST = 5000.0


def made_of(G, image, chains, sigma=1.0, seed=0):
    """A measurement of an image, with white noise."""
    A = Identity(G.image_shape).with_noise(GaussianNoise(sigma))
    keys = tuple(seeds.chain_key(seed, row, s) for row in image for s in range(chains))
    # Problem.create would refuse images outside of [0, 1]
    return Problem(tree.repeat(image, chains), A, G, keys, {1: Gaussian()}, chains)


class Turned(Generator):
    """Curvatures from 1 to 5,000 of the data term, in directions that no diagonal knows."""

    depth = 2
    image_shape = (1, 5, 8)

    def __init__(self):
        super().__init__()
        turn = torch.linalg.qr(torch.randn(40, 40, generator=torch.Generator().manual_seed(0))).Q
        self.curvatures = STIFFEST ** torch.linspace(0, 1, 40)
        self.register_buffer("turn", turn)

    def sample(self, batch, rng):
        return torch.randn(batch, 40, generator=rng).to(self.turn)

    def stage(self, k, x):
        image = (x @ self.turn.T) * self.curvatures.sqrt()
        return x if k == 1 else image.reshape(-1, *self.image_shape)


def stiff(chains):
    """The problem, and the variances of the posterior in the coordinates ``turn @ u``."""
    G = Turned()
    z = torch.randn(1, 40, generator=torch.Generator().manual_seed(1))
    return made_of(G, G(z), chains), 1 / (1 + G.curvatures)


@dataclass(frozen=True)
class Mapped(Latent):
    """A code that the image shows, and a noise map of which it shows next to nothing."""

    roles: ClassVar = {"code": "codes", "maps": "noise"}

    code: Tensor
    maps: tuple[Tensor, ...]


class Noisy(Generator):
    """x = code + strength · maps, both of 3×4 numbers."""

    depth = 2
    image_shape = (1, 3, 4)
    latents = (Mapped,)

    def __init__(self, strength):
        super().__init__()
        self.strength = strength
        self.register_buffer("one", torch.ones(()))

    def sample(self, batch, rng):
        code, noise = torch.randn(2, batch, *self.image_shape, generator=rng).to(self.one)
        return Mapped(code, (noise,))

    def stage(self, k, x):
        return x if k == 1 else x.code + self.strength * x.maps[0]


def noisy(strength, sigma, chains):
    G = Noisy(strength)
    return made_of(G, torch.full((1, *G.image_shape), 0.7), chains, sigma)


class Folded(Generator):
    """Two valleys: x = (c + 1)² of the first coordinate where it is below 0, else (c − 1)² + lift.

    A measurement of 0 is met exactly at −1; at +1 a chain is as well off as it can be there, and
    still misses the measurement by `lift`.
    """

    depth = 2
    image_shape = (1, 4, 5)

    def __init__(self, lift):
        super().__init__()
        self.lift = lift
        self.register_buffer("one", torch.ones(()))

    def sample(self, batch, rng):
        return torch.randn(batch, 20, generator=rng).to(self.one)

    def stage(self, k, x):
        if k == 1:
            return x
        first = x[:, :1]
        side = torch.where(first < 0, (first + 1) ** 2, (first - 1) ** 2 + self.lift)
        return (side + 0.05 * x).reshape(-1, *self.image_shape)


def folded(chains, lift=0.3, sigma=0.1, seed=0):
    G = Folded(lift)
    noise = sigma * torch.randn(1, *G.image_shape, generator=torch.Generator().manual_seed(2))
    return made_of(G, noise, chains, sigma, seed)
