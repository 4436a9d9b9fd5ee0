"""Noise models; levels are in units of [0, 1]."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from invprob.errors import BadInput, BadParams
from invprob.noise import Noise, NoiseToEstimate, WhiteNoise
from invprob.params import Configurable
from invprob.paths import AUTO
from invprob_basics import noise_level
from invprob_basics.params import GaussianNoiseParams, NoNoiseParams, PoissonNoiseParams
from invprob_basics.precision import wide


class GaussianNoise(WhiteNoise, Configurable):
    """y = clean + σ ε with independent standard normal ε.

    Raises:
        BadParams: If σ is not positive.
    """

    params_type = GaussianNoiseParams
    positional = ("sigma",)

    def __init__(self, *args: Any, **values: Any) -> None:
        sigma = self.read(*args, **values).sigma
        if sigma == AUTO:
            raise BadParams(
                "sigma=auto is estimated from a measurement, and there is none",
                'give a number, or solve(y, noise="gaussian:sigma=auto", …)',
            )
        super().__init__(sigma)

    @classmethod
    def from_params(cls, params: Any, *context: Any, **named: Any) -> Any:
        return GaussianToEstimate() if params.sigma == AUTO else cls(params)


class GaussianToEstimate(NoiseToEstimate):
    """Gaussian noise of the level that a measured picture tells (Chen, Zhu and Heng, 2015)."""

    def __init__(self) -> None:
        super().__init__("gaussian:sigma=auto")

    def estimate(self, picture: Tensor, known: Tensor) -> dict[str, float]:
        return {"sigma": float(f"{noise_level.estimate(picture, known):.3g}")}


class NoNoise(WhiteNoise, Configurable):
    """y = clean; the residual is judged as if the standard deviation were `tolerance`.

    Raises:
        BadParams: If `tolerance` is not positive.
    """

    exact = True
    params_type = NoNoiseParams
    positional = ("tolerance",)

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(self.read(*args, **values).tolerance)

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        return clean


class PoissonNoise(Configurable, Noise):
    """y = gain · Poisson(clean / gain).

    Below `floor` photons the log-likelihood goes on as its tangent parabola, steepened so that for
    no photon its peak is at 0: a reconstruction with dark or negative values has a finite gradient
    that leads back.

    Raises:
        BadParams: If `gain` is not positive.
    """

    floor = 0.1
    params_type = PoissonNoiseParams
    positional = ("gain",)
    params: PoissonNoiseParams

    @property
    def gain(self) -> float:
        """Intensity per photon, in units of [0, 1]."""
        return self.params.gain

    def validate(self, y: Tensor) -> None:
        below = y < 0
        if bool(below.any()):
            raise BadInput(
                f"{int(below.sum())} of {y.numel()} values of the measurement are below 0, down to"
                f" {float(y.min()):g}: photons cannot be so few",
                "set them to 0, or describe the noise of the detector by gaussian:sigma=…",
            )

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        rate = (clean / self.gain).clamp_min(0).cpu()
        return (torch.poisson(rate, generator=rng) * self.gain).to(clean)

    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        # below 0 the parabola would open upwards, and its peak be at −∞
        count, rate = (wide(y) / self.gain).clamp_min(0), wide(clean) / self.gain
        safe = rate.clamp_min(self.floor)
        below = (rate - self.floor).clamp_max(0)
        # value, slope and curvature of n log r − r at the floor; without photons the parabola is
        # a line that rises for ever, 1/floor bends it down to a peak at r = 0
        # less its peak, for thousands of photons leave no digits of single precision
        value = count * safe.log() - torch.xlogy(count, count) - (safe - count)
        slope = count / self.floor - 1
        curvature = count / self.floor**2 + 1 / self.floor
        each = value + slope * below - 0.5 * curvature * below**2
        return each.flatten(1).sum(1).to(clean)

    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        # a ratio of sums: a mean of ratios needs a floor, and is less than 1 in the dark below it
        variance = (clean * self.gain).clamp_min(0).flatten(1).sum(1)
        return (y - clean).square().flatten(1).sum(1) / variance.clamp_min(self.gain**2)

    def scale(self, y: Tensor) -> Tensor:
        return (y * self.gain).clamp_min(self.gain**2).sqrt()
