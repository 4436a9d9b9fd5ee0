"""A random network, a true input, and its Gaussian measurement: where the theorems hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from invprob import seeds
from invprob.noise import WhiteNoise
from invprob.operator import LinearOperator
from invprob.problem import Problem
from invprob_theory.generator import RandomReLU
from invprob_theory.solver import SignDescent, objective


class Measured(LinearOperator):
    """A x for an m×n matrix of N(0, 1/m), which keeps lengths on average; x itself without m."""

    def __init__(self, image_shape: tuple[int, int, int], m: int | None, seed: int) -> None:
        super().__init__(WhiteNoise(1.0))
        n = math.prod(image_shape)
        self.in_shape, self.out_shape = image_shape, (m or n,)
        matrix = torch.eye(0) if m is None else normal(seed, "measured", m, n) / math.sqrt(m)
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        return flat @ self.matrix.T if self.matrix.numel() else flat


@dataclass(frozen=True)
class World:
    """f(z) = ½‖A G(z) − y‖² with y = A G(x) + noise of variance σ²/m for each of its m numbers."""

    generator: RandomReLU
    operator: Measured
    truth: Tensor
    y: Tensor

    def problem(self, rows: int) -> Problem:
        """The measurement `rows` times."""
        y = self.y.expand(rows, -1)
        return Problem(y, self.operator, self.generator, tuple(range(rows)))

    def loss(self, z: Tensor) -> Tensor:
        """f at z (B, k), of shape (B,)."""
        return objective(self.problem(len(z)), z)

    def gradient(self, z: Tensor) -> Tensor:
        """∇f at z (B, k), by autograd."""
        return self.loss_and_gradient(z)[1]

    def loss_and_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """f (B,) and ∇f (B, k) at z."""
        with torch.enable_grad():
            leaf = z.detach().requires_grad_()
            loss = self.loss(leaf)
            (slope,) = torch.autograd.grad(loss.sum(), leaf)
        return loss.detach(), slope

    def errors(self, z: Tensor) -> Tensor:
        """‖z − x‖/‖x‖, (B,)."""
        return (z - self.truth).norm(dim=1) / self.truth.norm()

    def step_size(self) -> float:
        """1/λ, λ the largest curvature of f at the truth and at 15 inputs of N(0, I)."""
        k = len(self.truth)
        places = torch.cat([self.truth[None], normal(0, "curvature", 15, k)])[:, None]
        shifts = 1e-6 * torch.eye(k, dtype=torch.float64)
        # within a linear piece of G these differences are exact
        ahead, behind = ((places + s).reshape(-1, k) for s in (shifts, -shifts))
        rises = self.operator(self.generator(ahead)) - self.operator(self.generator(behind))
        jacobians = rises.reshape(len(places), k, -1) / 2e-6
        return 1 / float(torch.linalg.matrix_norm(jacobians, 2).square().max())

    def descend(self, z: Tensor, steps: int, flip: bool) -> Iterator[Tensor]:
        """The inputs (B, k) after each step of a run of the solver `sign-descent` from z."""
        solver = SignDescent(steps=steps, step_size=self.step_size(), flip=flip)
        p = self.problem(len(z))
        for progress in solver.run(p, replace(solver.init(p), z=z)):
            yield progress.state.z


def make(
    seed: int, latent: int, widths: Sequence[int], m: int | None = None, sigma: float = 0.0
) -> World:
    """A network of these widths, a true input of N(0, I), and m noisy measurements of it (all n
    numbers of the image without m)."""
    shape = (1, 1, widths[-1])
    G = RandomReLU(
        latent=latent,
        depth=len(widths),
        image_shape=shape,
        widths=tuple(widths[:-1]),
        seed=seed,
    )
    G, A = G.double(), Measured(shape, m, seed)
    truth = normal(seed, "truth", latent)
    clean = A(G(truth[None]))
    noise = normal(seed, "noise", *clean.shape) / math.sqrt(clean.shape[1])
    return World(G, A, truth, clean + sigma * noise)


def expanding(latent: int, expansion: float, depth: int) -> list[int]:
    """Widths k e, k e², …, k e^d."""
    return [max(1, round(latent * expansion**i)) for i in range(1, depth + 1)]


def normal(seed: int, name: str, *shape: int) -> Tensor:
    """Standard normal numbers in double precision, a function of seed and name."""
    rng = seeds.stream("mixing", seed, name)
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def uniform(seed: int, name: str, *shape: int) -> Tensor:
    """Numbers of the uniform distribution on [0, 1] in double precision."""
    rng = seeds.stream("mixing", seed, name)
    return torch.rand(shape, generator=rng, dtype=torch.float64)
