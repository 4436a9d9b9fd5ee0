"""Salt and pepper: some values are replaced by black or white."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from invprob.noise import Noise
from invprob.params import Configurable
from invprob_basics.noise_params import SaltPepperNoiseParams


class SaltPepperNoise(Configurable, Noise):
    """y = v + σ ε, where v is 0 or 1 with probability p/2 each, and clean otherwise.

    Every value is replaced independently of the others; the density is the mixture of the three
    Gaussians.

    Raises:
        BadParams: If p is not between 0 and 1, or σ not positive.
    """

    params_type = SaltPepperNoiseParams
    positional = ("part", "sigma")
    params: SaltPepperNoiseParams

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        p, u = self.params, torch.rand(clean.shape, generator=rng).to(clean.device)
        replaced = torch.where(u < p.part / 2, torch.zeros_like(clean), torch.ones_like(clean))
        value = torch.where(u < p.part, replaced, clean)
        return value + p.sigma * torch.randn(clean.shape, generator=rng).to(clean)

    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        part, sigma = self.params.part, self.params.sigma
        kept = math.log(1 - part) - ((y - clean) / sigma).square() / 2
        replaced = torch.logaddexp(-((y / sigma).square()) / 2, -(((y - 1) / sigma).square()) / 2)
        return torch.logaddexp(kept, math.log(part / 2) + replaced).flatten(1).sum(1)

    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        residual = (y - clean).square().flatten(1).sum(1)
        return residual / self._variance(clean).flatten(1).sum(1)

    def scale(self, y: Tensor) -> Tensor:
        return self._variance(y).sqrt()

    def _variance(self, clean: Tensor) -> Tensor:
        spread = clean.square() + (1 - clean).square()
        return self.params.sigma**2 + self.params.part / 2 * spread
