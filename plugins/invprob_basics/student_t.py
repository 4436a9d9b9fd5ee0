"""Noise of Student's t-distribution."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from invprob.noise import Noise
from invprob.params import Configurable
from invprob_basics.noise_params import StudentTNoiseParams


class StudentTNoise(Configurable, Noise):
    """y = clean + s t with t from Student's distribution of ν degrees of freedom.

    s = σ √(1 − 2/ν), so that σ is the standard deviation. Draws are made by the polar method of
    Bailey, 1994 (Mathematics of Computation 62), exact for every ν.

    Raises:
        BadParams: If σ is not positive, or ν not above 2, below which the variance is infinite.
    """

    params_type = StudentTNoiseParams
    positional = ("sigma",)
    params: StudentTNoiseParams

    @property
    def width(self) -> float:
        """The width s of the density, in units of [0, 1]."""
        return self.params.sigma * math.sqrt(1 - 2 / self.params.df)

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        # 1 − U is never 0
        u, v = torch.rand((2, *clean.shape), generator=rng, dtype=torch.float64)
        nu = self.params.df
        radius = (nu * torch.expm1(-2 / nu * torch.log1p(-u))).sqrt()
        return clean + (self.width * radius * torch.cos(2 * math.pi * v)).to(clean)

    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        nu = self.params.df
        t = (y - clean) / self.width
        return -(nu + 1) / 2 * torch.log1p(t.square() / nu).flatten(1).sum(1)

    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        # t² weighted as in the score: on average 1 as well, but an outlier does not rule it
        nu, t2 = self.params.df, ((y - clean) / self.width).square()
        return ((nu + 1) * t2 / (nu + t2)).flatten(1).mean(1)

    def scale(self, y: Tensor) -> Tensor:
        return torch.full_like(y, self.params.sigma)
