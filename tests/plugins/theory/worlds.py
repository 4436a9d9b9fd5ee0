"""Small random networks, measured in full without noise."""

from dataclasses import replace

import torch

from invprob import seeds
from invprob.noise import WhiteNoise
from invprob.problem import Problem
from invprob.testing.toys import Dense
from invprob_theory.generator import RandomReLU


def network(width, depth, latent=6, seed=0):
    """A network in double precision of which every layer has the same width."""
    G = RandomReLU(
        latent=latent,
        depth=depth,
        image_shape=(1, 1, width),
        widths=(width,) * (depth - 1),
        seed=seed,
    )
    return G.double()


def inputs(count, latent=6, name="inputs"):
    """Inputs of N(0, I) in double precision."""
    return torch.randn(count, latent, generator=seeds.stream(name), dtype=torch.float64)


def problem(G, truth, rows):
    """`rows` times the measurement A G(x) of as many numbers as the image has, without noise."""
    A = Dense(G.image_shape, G.widths[-1]).double()
    A.noise = WhiteNoise(0.01)
    y = A(G(truth[None]))
    return Problem(y.expand(rows, -1), A, G, tuple(range(rows)))


def at(solver, p, z):
    """The first state, with the inputs z."""
    return replace(solver.init(p), z=z)
