"""Speckle: the multiplicative noise of radar, ultrasound and laser light."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from invprob.errors import BadInput
from invprob.noise import Noise
from invprob.params import Configurable
from invprob_basics.noise_params import SpeckleNoiseParams
from invprob_basics.precision import wide


class SpeckleNoise(Configurable, Noise):
    """y = clean · G, where G is the mean of L independent standard exponential variables.

    Fully developed speckle of intensities, averaged over L looks (Goodman, 1976, Journal of the
    Optical Society of America 66): y has the gamma distribution of shape L and mean clean. Below
    `floor` the log-likelihood goes on as a parabola from its tangent, so that a reconstruction with
    dark or negative values has a finite gradient that leads back.

    Raises:
        BadParams: If there is not at least one look.
    """

    floor = 0.01
    params_type = SpeckleNoiseParams
    positional = ("looks",)
    params: SpeckleNoiseParams

    def validate(self, y: Tensor) -> None:
        below = y < 0
        if bool(below.any()):
            raise BadInput(
                f"{int(below.sum())} of {y.numel()} values of the measurement are below 0, down to"
                f" {float(y.min()):g}: intensities with speckle are not",
                "give intensities, not their logarithm, or describe the noise by gaussian:sigma=…",
            )

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        total = torch.zeros(clean.shape, dtype=torch.float64)
        for _ in range(self.params.looks):
            total -= torch.log1p(-torch.rand(clean.shape, generator=rng, dtype=torch.float64))
        return clean.clamp_min(0) * (total / self.params.looks).to(clean)

    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        y, x, floor = wide(y).clamp_min(0), wide(clean), self.floor
        safe, below = x.clamp_min(floor), (x - floor).clamp_max(0)
        # less its peak, for many looks leave no digits of single precision
        value = 1 - (safe / y.clamp_min(floor)).log() - y / safe
        slope = (y / floor - 1) / floor
        # for y = 0 the peak of the parabola is at 0
        bend = (2 * y / floor + 1) / floor**2
        each = value + slope * below - bend / 2 * below.square()
        return (self.params.looks * each.flatten(1).sum(1)).to(clean)

    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        # a ratio of sums, for the dark values of which a ratio says nothing
        variance = clean.clamp_min(self.floor).square().flatten(1).sum(1) / self.params.looks
        return (y - clean).square().flatten(1).sum(1) / variance

    def scale(self, y: Tensor) -> Tensor:
        # E y² = (1 + 1/L) clean²
        return y.clamp_min(self.floor) / math.sqrt(self.params.looks + 1)
