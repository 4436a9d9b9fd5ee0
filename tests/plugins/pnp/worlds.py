"""Worlds whose answers are known: images of independent normal pixels, and their exact denoiser."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob import seeds
from invprob.generator import Identity
from invprob.operator import LinearOperator
from invprob.prior import Denoiser
from invprob.solver import Problem
from invprob_basics import GaussianNoise

SHAPE = (1, 6, 6)
SEEN = 20
SIGMA = 0.05
MEAN, SPREAD = 0.4, 0.2


class Pixels(Denoiser):
    """x ~ N(MEAN, SPREAD²), noised by σ_t = t."""

    t_min = 1e-3
    image_shape = SHAPE

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(t), t

    def denoise(self, u: Tensor, t: Tensor) -> Tensor:
        gain = SPREAD**2 / (SPREAD**2 + t.square())[:, None, None, None]
        return MEAN + gain * (u - MEAN)


class Mixed(LinearOperator):
    """Twenty sums of pixels with weights of their own."""

    in_shape, out_shape = SHAPE, (SEEN,)

    def __init__(self) -> None:
        super().__init__(GaussianNoise(SIGMA))
        rng = seeds.stream("mixed")
        self.register_buffer("matrix", torch.randn(SEEN, 36, generator=rng) / 3)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.matrix.to(x).T


def problem(rows: int = 1) -> Problem:
    """`rows` samples of one measurement."""
    A = Mixed()
    rng = seeds.stream("truth")
    truth = MEAN + SPREAD * torch.randn((1, *SHAPE), generator=rng)
    y = A.measure(truth, [seeds.stream("noise")])
    return Problem.create(y, A, Identity(SHAPE), {0: Pixels()}, num_samples=rows)


def posterior(p: Problem) -> tuple[Tensor, Tensor]:
    """The exact mean (36,) and covariance (36, 36) of the pixels."""
    M = p.operator.matrix.double()
    precision = M.T @ M / SIGMA**2 + torch.eye(36, dtype=torch.float64) / SPREAD**2
    covariance = torch.linalg.inv(precision)
    pull = M.T @ p.y[0].double() / SIGMA**2 + MEAN / SPREAD**2
    return covariance @ pull, covariance
