"""Sensors that record a range of values as one, and the exact likelihood of what they record.

A sensor is given v = A(x) + σ ε. From what it records, y, one knows v itself, or an interval in
which v lies. The likelihood is the density of v at y, or the probability of the interval, as for
censored data (Tobin, 1958, Econometrica 26) and for quantised measurements (Zymnis, Boyd, Candès,
2010, IEEE Signal Processing Letters 17).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from invprob.errors import Incompatible
from invprob.noise import Noise, WhiteNoise
from invprob_basics.precision import wide

BEYOND = 100.0
"""The end, in standard deviations beyond 0 and the other end, of an interval that has none."""
LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


class Sensor(nn.Module, ABC):
    """What is recorded of values."""

    @abstractmethod
    def record(self, v: Tensor) -> Tensor:
        """What is recorded of v.

        Args:
            v: Values (…, *out_shape).

        Returns:
            Of the shape of v.
        """

    @abstractmethod
    def bounds(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The interval of values that are recorded as y.

        Args:
            y: What was recorded, (B, *out_shape).

        Returns:
            Its lower and upper ends, which are equal where v = y; ±∞ where there is none.
        """

    @abstractmethod
    def spread(self, y: Tensor) -> Tensor:
        """How far values lie from what is recorded of them, as a root mean square.

        Args:
            y: What was recorded, (B, *out_shape).

        Returns:
            Of the shape of y; 0 where v = y.
        """


class Rounding(Sensor):
    """Values are rounded to z + k s with whole numbers k, from 0 to `last` if there is one.

    Args:
        step: s, a number or one for each entry of a measurement.
        zero: z, likewise.
        last: The largest k; None: all whole numbers, negative ones too.
    """

    step: Tensor
    zero: Tensor

    def __init__(self, step: Tensor, zero: Tensor, last: int | None = None) -> None:
        super().__init__()
        self.last = last
        self.register_buffer("step", step)
        self.register_buffer("zero", zero)

    def _code(self, v: Tensor) -> Tensor:
        k = ((v - self.zero.to(v.dtype)) / self.step.to(v.dtype)).round()
        return k if self.last is None else k.clamp(0, self.last)

    def record(self, v: Tensor) -> Tensor:
        return self.zero.to(v.dtype) + self.step.to(v.dtype) * self._code(v)

    def bounds(self, y: Tensor) -> tuple[Tensor, Tensor]:
        k = wide(self._code(y))
        zero, step = self.zero.to(k.dtype), self.step.to(k.dtype)
        lower, upper = zero + (k - 0.5) * step, zero + (k + 0.5) * step
        if self.last is not None:
            lower = torch.where(k <= 0, -math.inf, lower)
            upper = torch.where(k >= self.last, math.inf, upper)
        return lower, upper

    def spread(self, y: Tensor) -> Tensor:
        return (self.step.to(y.dtype) / math.sqrt(12)).expand_as(y)


class Saturation(Sensor):
    """Values below `low` are recorded as `low`, those above `high` as `high`.

    Args:
        low: The least value that is recorded.
        high: The largest one.
        reach: The range of A(x) for images in [0, 1].
    """

    def __init__(self, low: float, high: float, reach: tuple[float, float]) -> None:
        super().__init__()
        self.low, self.high, self.reach = low, high, reach

    def record(self, v: Tensor) -> Tensor:
        return v.clamp(self.low, self.high)

    def bounds(self, y: Tensor) -> tuple[Tensor, Tensor]:
        # compared in the precision in which it was clipped
        lower = torch.where(y <= self.low, -math.inf, y)
        return wide(lower), wide(torch.where(y >= self.high, math.inf, y))

    def spread(self, y: Tensor) -> Tensor:
        below, above = self.low - self.reach[0], self.reach[1] - self.high
        dark = torch.where(y <= self.low, max(below, 0.0) / math.sqrt(3), torch.zeros_like(y))
        return torch.where(y >= self.high, max(above, 0.0) / math.sqrt(3), dark)


class RecordedNoise(Noise):
    """y = record(clean + σ ε), with the exact likelihood.

    With the noise `none` the interval is blurred by its `tolerance`, a smooth stand-in for the set
    of all images that give y.

    Args:
        before: The noise before the sensor.
        sensor: The sensor.
    """

    def __init__(self, before: WhiteNoise, sensor: Sensor) -> None:
        super().__init__()
        self.before, self.sensor = before, sensor

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        return self.sensor.record(self.before.sample(clean, rng))

    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        a, b, exact = self._interval(y, clean)
        density = -a.square() / 2 - LOG_ROOT_2PI - math.log(self.before.sigma)
        return torch.where(exact, density, log_mass(a, b)).flatten(1).sum(1).to(clean)

    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        # the mean of ε² given y, which is 1 on average whatever the sensor keeps of it
        a, b, exact = self._interval(y, clean)
        mass = log_mass(a, b)
        lower, upper = (t * torch.exp(-t.square() / 2 - LOG_ROOT_2PI - mass) for t in (a, b))
        each = torch.where(exact, a.square(), 1 + lower - upper)
        return each.flatten(1).mean(1).to(clean)

    def scale(self, y: Tensor) -> Tensor:
        return (self.before.sigma**2 + self.sensor.spread(y).square()).sqrt()

    def edge_scale(self, y: Tensor) -> Tensor:
        return torch.full_like(y, self.before.sigma)

    def _interval(self, y: Tensor, clean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The ends of the interval in which ε lies, and where it is one number, the first of them.

        There the other end is another number, and where there is none it is one that lies beyond
        everything: a mass has a finite logarithm and gradient in either case.
        """
        lower, upper = self.sensor.bounds(y)
        at, sigma, exact = wide(clean), self.before.sigma, lower == upper
        a, b = (lower - at) / sigma, (upper - at) / sigma
        low, high = b.detach().clamp_max(0) - BEYOND, a.detach().clamp_min(0) + BEYOND
        a, b = torch.where(lower.isinf(), low, a), torch.where(upper.isinf(), high, b)
        return a, torch.where(exact, a + 1, b), exact


def recorded(noise: Noise, sensor: Sensor, name: str) -> RecordedNoise:
    """The noise of what a sensor records.

    Args:
        noise: The noise before the sensor, or that of what a sensor recorded.
        sensor: The sensor.
        name: What the message calls the operator.

    Raises:
        Incompatible: If the noise is not Gaussian.
    """
    before = noise.before if isinstance(noise, RecordedNoise) else noise
    if not isinstance(before, WhiteNoise):
        raise Incompatible(
            f"{name} knows the likelihood of Gaussian noise, and the noise is"
            f" {type(before).__name__}",
            "use --noise gaussian:sigma=… or none",
        )
    return RecordedNoise(before, sensor)


def log_mass(a: Tensor, b: Tensor) -> Tensor:
    """log(Φ(b) − Φ(a)) for a < b, without loss of digits in the tails.

    Args:
        a: Lower ends, in standard deviations.
        b: Upper ends.

    Returns:
        Of the shape of a.
    """
    # in the lower tail the differences of logarithms have all their digits
    flip = a + b > 0
    low, high = torch.where(flip, -b, a), torch.where(flip, -a, b)
    first, second = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    mass: Tensor = second + torch.log(-torch.expm1(first - second))
    return mass
