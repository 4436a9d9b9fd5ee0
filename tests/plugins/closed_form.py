"""A linear generator with a Gaussian law: every posterior is known."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.generator import Generator, Identity
from invprob.operator import LinearOperator
from invprob.solver import Problem
from invprob.testing.toys import Denoised
from invprob_basics.noise import GaussianNoise
from invprob_basics.priors import Gaussian
from invprob_ilo.l1_ball import L1Ball

PIXELS = 12


class Linear(Generator):
    """x_1 = x_0, x_2 = M x_1 + ½, an image of 1×3×4."""

    depth = 2
    image_shape = (1, 3, 4)

    def __init__(self, dim: int) -> None:
        super().__init__()
        matrix = torch.randn(PIXELS, dim, generator=seeds.stream("matrix", dim))
        self.register_buffer("matrix", 0.2 * matrix)
        self.dim = dim

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        return torch.randn(batch, self.dim, generator=rng).to(self.matrix)

    def stage(self, k: int, x: Tensor) -> Tensor:
        return x if k == 1 else (x @ self.matrix.T + 0.5).reshape(-1, *self.image_shape)


class FirstPixels(LinearOperator):
    """Keeps the first pixels."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.in_shape, self.out_shape = (1, 3, 4), (count,)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, : self.count]


def problem(dim: int = 4, measured: int = 6, sigma: float = 0.1, rows: int = 1, chains: int = 1):
    """`rows` measurements with `chains` rows each, every stage with every prior it may need."""
    G, A = Linear(dim), FirstPixels(measured)
    A = A.with_noise(GaussianNoise(sigma))
    truth = G(torch.cat([G.sample(1, seeds.stream("truth", r)) for r in range(rows)]))
    y = A.measure(truth, [seeds.stream("noise", r) for r in range(rows)])
    keys = [seeds.chain_key(0, row, s) for row in y for s in range(chains)]
    prior = Gaussian()
    return Problem(tree.repeat(y, chains), A, G, tuple(keys), {0: prior, 1: prior}), truth


def posterior(p: Problem, sigma: float) -> tuple[Tensor, Tensor]:
    """Mean and covariance of x_1 given the first row of y, for the standard normal prior."""
    G = p.generator
    J = G.matrix[: p.operator.out_shape[0]]
    covariance = torch.linalg.inv(torch.eye(G.dim) + J.T @ J / sigma**2)
    return covariance @ J.T @ (p.y[0] - 0.5) / sigma**2, covariance


class Grey(Denoised):
    """Images whose u = 2x − 1 is N(mean, std²) in every pixel."""

    def normalise(self, x: Tensor) -> Tensor:
        return 2 * x - 1

    def restore(self, u: Tensor) -> Tensor:
        return (u + 1) / 2


def without_generator(p: Problem) -> Problem:
    """The same measurements, of images that have a prior of their own."""
    return Problem(p.y, p.operator, Identity((1, 3, 4)), p.keys, {0: Grey(std=0.5)})


def placed(p: Problem, device: torch.device, dtype: torch.dtype) -> Problem:
    """The same on a device and in a precision; what the problem is made of is moved."""
    for module in (p.operator, p.generator, *p.priors.values()):
        module.to(device, dtype)
    return replace(p, y=p.y.to(device, dtype))


def with_balls(p: Problem, radius: float) -> Problem:
    ball = L1Ball(radius)
    return Problem(p.y, p.operator, p.generator, p.keys, {0: ball, 1: ball})


def last(solver, p, stop=None, state=None):
    for progress in solver.run(p, state):
        state = progress.state
        if stop is not None and state.step >= stop:
            break
    return state, progress.info
