"""Noise of Laplace's distribution."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from invprob.noise import Noise
from invprob.params import Configurable
from invprob_basics.noise_params import LaplaceNoiseParams


class LaplaceNoise(Configurable, Noise):
    """y = clean + b (E − E') with independent standard exponential E, E' and b = σ/√2.

    Its density is exp(−|y − clean|/b)/(2b).

    Raises:
        BadParams: If σ is not positive.
    """

    params_type = LaplaceNoiseParams
    positional = ("sigma",)
    params: LaplaceNoiseParams

    @property
    def width(self) -> float:
        """The width b of the density, in units of [0, 1]."""
        return self.params.sigma / math.sqrt(2)

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        # 1 − U is never 0
        pair = -torch.log1p(-torch.rand((2, *clean.shape), generator=rng))
        return clean + (self.width * (pair[0] - pair[1])).to(clean)

    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        return -((y - clean) / self.width).abs().flatten(1).sum(1)

    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        return ((y - clean) / self.params.sigma).square().flatten(1).mean(1)

    def scale(self, y: Tensor) -> Tensor:
        return torch.full_like(y, self.params.sigma)
