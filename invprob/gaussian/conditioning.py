"""A Gaussian over images, given a linear measurement of one with Gaussian noise, in closed form.

With y = A x + σ ε, the covariance C = Wᵀ E W + r I of `Factors` and K = r A Aᵀ + σ² I, Woodbury's
identity gives

    V = A Wᵀ,  Z = K⁻¹ V,  M = E⁻¹ + Vᵀ Z,  T = Wᵀ − r Aᵀ Z
    covariance  B + T M⁻¹ Tᵀ,  where B = r I − r² Aᵀ K⁻¹ A is that of a Gaussian without components
    mean        m + r Aᵀ K⁻¹ g + T M⁻¹ Zᵀ g,  where g = y − A m

Only K is solved for, by conjugate gradients: it has the condition of 1 + r ‖A‖²/σ², which is small.
A draw from N(0, B) is e − r Aᵀ K⁻¹ (A e + σ ε) for e from N(0, r I) (Matheron's rule; Wilson,
Borovitskiy, Terenin, Mostowsky, Deisenroth, 2020, arXiv:2002.09309).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from invprob import seeds
from invprob.gaussian.factors import Factors
from invprob.numerics import linalg
from invprob.operator import LinearOperator

PROBES = 128
"""Random signs that estimate a diagonal, where there are more measurements than these."""


@dataclass(frozen=True)
class Conditioned:
    """The posterior of images under a measurement A with noise σ.

    Attributes:
        prior: The distribution before.
        A: What is measured.
        sigma: The standard deviation of the noise, > 0.
        solved: Z, (K, *A.out_shape).
        spread: The columns of T M^(−1/2), a square root of the posterior covariance less B,
            (K, C, H, W).
        root: M^(−1/2), lower triangular, (K, K).
    """

    prior: Factors
    A: LinearOperator
    sigma: float
    solved: Tensor
    spread: Tensor
    root: Tensor

    def mean(self, y: Tensor) -> Tensor:
        """The posterior mean.

        Args:
            y: Measurements (B, *A.out_shape).

        Returns:
            Images (B, C, H, W).
        """
        gap = y - self.A(self.prior.mean[None])
        beside = self.prior.rest * self.A.adjoint(solve(self.A, self.prior.rest, self.sigma, gap))
        along = gap.flatten(1) @ self.solved.flatten(1).T @ self.root.T
        return self.prior.mean + beside + torch.einsum("bk,kchw->bchw", along, self.spread)

    def weighed(self, gap: Tensor) -> Tensor:
        """The differences to A m, multiplied by the inverse of their covariance A C Aᵀ + σ² I.

        Args:
            gap: y − A m, (B, *A.out_shape).

        Returns:
            Tensors like `gap`.
        """
        beside = solve(self.A, self.prior.rest, self.sigma, gap)
        along = gap.flatten(1) @ self.solved.flatten(1).T @ self.root.T @ self.root
        return beside - (along @ self.solved.flatten(1)).view_as(gap)

    def variance(self) -> Tensor:
        """The posterior variance of every image value.

        The diagonal of Aᵀ K⁻¹ A is the mean of (Aᵀ p)(Aᵀ K⁻¹ p) over directions p. Where a value
        takes part in several of more than `PROBES` measurements, these are random signs, and the
        variance beside the components is an estimate (Bekas, Kokiopoulou, Saad, 2007).

        Returns:
            One image (C, H, W) of variances.
        """
        rest, shape = self.prior.rest, self.A.out_shape
        count = math.prod(shape)
        if count <= PROBES:
            probes = torch.eye(count).reshape(count, *shape)
        else:
            keys = range(PROBES)
            probes = seeds.normal((PROBES, *shape), keys, "probe").sign() / PROBES**0.5
        probes = probes.to(self.prior.mean)
        back = self.A.adjoint(solve(self.A, rest, self.sigma, probes))
        known = (self.A.adjoint(probes) * back).sum(0)
        beside = (rest - rest**2 * known).clamp_min(0)
        return beside + self.spread.square().sum(0)


def draw(
    A: LinearOperator, rest: Tensor, sigma: float, spread: Tensor, keys: Sequence[int], step: int
) -> Tensor:
    """Draw from the posterior, less its mean.

    Args:
        A: What is measured.
        rest: r.
        sigma: σ > 0.
        spread: That of `Conditioned`.
        keys: A random key for each of N draws.
        step: The number of the draw.

    Returns:
        Images (N, C, H, W), independent in keys and steps.
    """
    rows = len(keys)
    coordinates = seeds.normal((rows, len(spread)), keys, "components", step).to(spread)
    e = rest.sqrt() * seeds.normal((rows, *spread.shape[1:]), keys, "rest", step).to(spread)
    noise = seeds.normal((rows, *A.out_shape), keys, "noise", step).to(spread)
    beside = e - rest * A.adjoint(solve(A, rest, sigma, A(e) + sigma * noise))
    drawn: Tensor = beside + torch.einsum("nk,kchw->nchw", coordinates, spread)
    return drawn


def condition(prior: Factors, A: LinearOperator, sigma: float) -> Conditioned:
    """Condition a Gaussian on a measurement.

    Args:
        prior: The Gaussian.
        A: What is measured.
        sigma: The standard deviation of the noise, > 0.

    Returns:
        The posterior, of which nothing depends on the numbers measured but the mean.
    """
    measured = A(prior.components)
    solved = solve(A, prior.rest, sigma, measured)
    # of K × K numbers, in double precision on the CPU, as the condition asks for it
    inner = (measured.flatten(1) @ solved.flatten(1).T).cpu().double()
    inner = torch.diag(1 / prior.excess.cpu().double()) + (inner + inner.T) / 2
    lower = torch.linalg.cholesky(inner)
    eye = torch.eye(len(lower), dtype=torch.float64)
    root = torch.linalg.solve_triangular(lower, eye, upper=False).to(prior.mean)
    beside = prior.components - prior.rest * A.adjoint(solved)
    spread = torch.einsum("kj,jchw->kchw", root, beside)
    return Conditioned(prior, A, sigma, solved, spread, root)


def solve(A: LinearOperator, rest: Tensor, sigma: float, b: Tensor) -> Tensor:
    """Solve (r A Aᵀ + σ² I) x = b.

    Args:
        A: What is measured.
        rest: r.
        sigma: σ > 0.
        b: Right-hand sides (B, *A.out_shape).

    Returns:
        x (B, *A.out_shape).
    """

    def apply(x: Tensor) -> Tensor:
        measured: Tensor = rest * A(A.adjoint(x)) + sigma**2 * x
        return measured

    return linalg.conjugate_gradients(apply, b)
