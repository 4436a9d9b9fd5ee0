"""Photon noise and the read noise of a detector."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from invprob.noise import Noise
from invprob.params import Configurable
from invprob_basics.noise_params import PoissonGaussianNoiseParams
from invprob_basics.precision import wide

NODES = 64
REACH = 8.0
"""How far the sum over photons goes, in standard deviations of their number given y."""
HALVINGS = 24


class PoissonGaussianNoise(Configurable, Noise):
    """y = gain · n + σ ε with n ~ Poisson(clean / gain).

    Its density is the sum over n of Poisson(n; clean/gain) · N(y; gain n, σ²), taken around its
    largest term, and in steps where thousands of photons make it an integral. Below `floor` photons
    the log-likelihood goes on as a parabola from its tangent, as that of `PoissonNoise` does.

    Raises:
        BadParams: If `gain` or `sigma` is not positive.
    """

    floor = 0.1
    params_type = PoissonGaussianNoiseParams
    positional = ("gain", "sigma")
    params: PoissonGaussianNoiseParams

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        p = self.params
        photons = torch.poisson((clean / p.gain).clamp_min(0).cpu(), generator=rng)
        read = torch.randn(clean.shape, generator=rng)
        return (p.gain * photons).to(clean) + (p.sigma * read).to(clean)

    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        # lgamma of thousands of photons leaves no digits of single precision
        p, y, rate = self.params, wide(y), wide(clean) / self.params.gain
        safe, below = rate.clamp_min(self.floor), (rate - self.floor).clamp_max(0)
        n, step = self._nodes(y.detach(), safe.detach())
        r = safe[..., None]
        read = ((y[..., None] - p.gain * n) / p.sigma).square() / 2
        terms = n * r.log() - r - torch.lgamma(n.clamp_min(0) + 1) - read
        terms = torch.where(n >= 0, terms, -torch.inf)
        value = torch.logsumexp(terms, -1) + step.log()
        photons = (torch.softmax(terms.detach(), -1) * n).sum(-1)
        slope = photons / self.floor - 1
        bend = photons / self.floor**2 + 1 / self.floor
        each = value + slope * below - bend / 2 * below.square()
        return each.flatten(1).sum(1).to(clean)

    def _nodes(self, y: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of photons (…, K) that matter for y, and their distance (…)."""
        p = self.params
        # the largest term lies between the rate and y/gain, where the slope falls
        low, high = (f(rate, y / p.gain).clamp_min(0) for f in (torch.minimum, torch.maximum))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            slope = rate.log() - (middle + 0.5).log() + (y - p.gain * middle) * p.gain / p.sigma**2
            low, high = torch.where(slope > 0, middle, low), torch.where(slope > 0, high, middle)
        spread = (1 / (high + 1) + (p.gain / p.sigma) ** 2).rsqrt()
        half = math.ceil(min(NODES / 2, REACH * p.sigma / p.gain + REACH))
        step = (REACH * spread / (NODES / 2)).clamp_min(1)
        steps = torch.arange(-half, half + 1).to(y)
        return high.round()[..., None] + steps * step[..., None], step

    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        # a ratio of sums, as that of `PoissonNoise`
        variance = (clean * self.params.gain).clamp_min(0) + self.params.sigma**2
        return (y - clean).square().flatten(1).sum(1) / variance.flatten(1).sum(1)

    def scale(self, y: Tensor) -> Tensor:
        return ((y * self.params.gain).clamp_min(0) + self.params.sigma**2).sqrt()
