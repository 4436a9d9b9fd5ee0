"""The likelihood of latents when pictures have something beyond the images of latents.

A picture is G(u) + e and y = A(G(u) + e) + n with n ~ N(0, σ² I). Where the prior of u knows that e
is N(m, C), and A is linear, e is integrated out in closed form:

    y | u ~ N(A G(u) + A m, A C Aᵀ + σ² I)

and given u and y, e is Gaussian too. So chains move in u alone, and every draw of u gets its draw
of e. This is the approximation error of Kaipio and Somersalo (Statistical and Computational Inverse
Problems, 2005, §7.2; here it is not only allowed for but drawn); Dhar, Grover and Ermon (2018,
arXiv:1807.01442) search for a sparse e instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from invprob.gaussian import conditioning
from invprob.gaussian.conditioning import Conditioned
from invprob.noise import Noise, WhiteNoise
from invprob.operator import LinearOperator, Operator
from invprob.prior import Prior
from invprob.solver import Problem, Result

DRAWS = 64
"""Draws of A e from which `scale` is estimated."""


class MarginalNoise(Noise):
    """The distribution of y around A G(u).

    Args:
        known: What e is given a measurement, with the distribution of e itself, A and σ.
    """

    def __init__(self, known: Conditioned) -> None:
        super().__init__()
        self.known = known
        self.shift = known.A(known.prior.mean[None])

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        error = self.known.prior.draw(rng)[None]
        noise = self.known.sigma * torch.randn(clean.shape, generator=rng).to(clean)
        drawn: Tensor = clean + self.known.A(error)[0] + noise
        return drawn

    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        gap = y - clean - self.shift
        seen = gap.detach()
        weighed = self.known.weighed(seen)  # of which the gradient is known without its graph
        nll: Tensor = ((gap - seen / 2) * weighed).flatten(1).sum(1)
        return -nll

    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        gap = (y - clean - self.shift).detach()
        found: Tensor = (gap * self.known.weighed(gap)).flatten(1).mean(1)
        return found

    def scale(self, y: Tensor) -> Tensor:
        rng = torch.Generator().manual_seed(0)
        drawn = torch.stack([self.sample(torch.zeros_like(y[0]), rng) for _ in range(DRAWS)])
        return drawn.std(0).expand_as(y)

    @cached_property
    def variance(self) -> Tensor:
        """The variance of e given u and y, (C, H, W)."""
        return self.known.variance()

    def expected(self, y: Tensor, clean: Tensor) -> Tensor:
        """E[e | u, y].

        Args:
            y: Measurements (B, …).
            clean: A G(u), of the shape of y.

        Returns:
            Images (B, C, H, W).
        """
        return self.known.mean(y - clean)

    def beside(self, keys: Sequence[int], step: int) -> Tensor:
        """Draw e given u and y, less its mean.

        Args:
            keys: A random key for each of N rows.
            step: The number of the draw.

        Returns:
            Images (N, C, H, W).
        """
        known = self.known
        return conditioning.draw(known.A, known.prior.rest, known.sigma, known.spread, keys, step)


class Marginals:
    """Problems with e integrated out; what does not depend on y is computed once."""

    def __init__(self) -> None:
        self._last: tuple[Operator, Prior, MarginalNoise] | None = None

    def of(self, problem: Problem, prior: Prior) -> Problem:
        """Integrate e out of a problem.

        Args:
            problem: The problem.
            prior: The prior of the stage.

        Returns:
            The problem with `MarginalNoise`; the problem itself where the prior knows no e, the
            operator is not linear, or the noise not white and Gaussian.
        """
        A = problem.operator
        if self._last is not None and self._last[:2] == (A, prior):
            return replace(problem, operator=A.with_noise(self._last[2]))
        error = prior.representation_error
        if error is None or not (isinstance(A, LinearOperator) and isinstance(A.noise, WhiteNoise)):
            return problem
        noise = MarginalNoise(conditioning.condition(error.to(problem.y), A, A.noise.sigma))
        self._last = (A, prior, noise)
        return replace(problem, operator=A.with_noise(noise))


def expected(problem: Problem, images: Tensor) -> Tensor:
    """The mean of the pictures of which latents have the images.

    Args:
        problem: The problem, with N rows.
        images: G(u), (N, C, H, W).

    Returns:
        G(u) + E[e | u, y], (N, C, H, W); G(u) where e is not integrated out.
    """
    noise = problem.operator.noise
    if not isinstance(noise, MarginalNoise):
        return images
    return images + noise.expected(problem.y, problem.operator(images))


def drawn(problem: Problem, mean: Tensor, step: int) -> Tensor:
    """One of those pictures.

    Args:
        problem: The problem, with N rows.
        mean: Their mean, (N, C, H, W).
        step: The number of the draw of e.

    Returns:
        G(u) + e, (N, C, H, W); G(u) where e is not integrated out.
    """
    noise = problem.operator.noise
    if not isinstance(noise, MarginalNoise):
        return mean
    return mean + noise.beside(problem.keys, step)


def with_variance(problem: Problem, found: Result) -> Result:
    """Add the variance of e to that of E[x | u, y].

    Args:
        problem: The problem.
        found: The mean and the variance of the latter.

    Returns:
        Those of x.
    """
    noise = problem.operator.noise
    if not isinstance(noise, MarginalNoise):
        return found
    return found._replace(var=found.var + noise.variance)
