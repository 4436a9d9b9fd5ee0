"""Means with their intervals, over images and seeds.

With one seed they are percentile bootstrap intervals over images (Efron, 1979), with the same
resamples for every method. A seed draws a mask or matrix and its noise; where there are several,
the intervals cover the choice of both. To resample both, each by itself (Owen, 2007,
arXiv:0712.1111), would give the difference between values of an image and a seed three times its
variance, so `two_way` computes these.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from invprob.bench import two_way

RESAMPLES = 4000

Values = Mapping[tuple[str, int], float]
"""A metric by image and seed."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval.

    Attributes:
        mean: The mean over images and seeds.
        low: The lower end of the interval; NaN for one image, or where the mean is not finite.
        high: The upper end, likewise.
        n: The number of images.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def tie(self) -> bool:
        """Whether the interval, of a difference, leaves open which is more."""
        return not (self.low > 0 or self.high < 0)

    def signed(self, digits: int) -> str:
        """Write a difference: ``+0.31 [+0.10, +0.52]``.

        Args:
            digits: Digits after the point.

        Returns:
            The text.
        """
        text = f"{self.mean:+.{digits}f}"
        if not math.isnan(self.low):
            text += f" [{self.low:+.{digits}f}, {self.high:+.{digits}f}]"
        return text


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of one value per image, with its interval.

    Args:
        values: The values.

    Returns:
        The estimate; of one value there is no interval.
    """
    return crossed({(str(i), 0): value for i, value in enumerate(values)})


def crossed(values: Values) -> Estimate:
    """The mean over images and seeds, with an interval that covers the choice of both.

    Args:
        values: The values; an image need not have every seed.

    Returns:
        The estimate; of one image there is no interval.
    """
    found = np.asarray(list(values.values()), dtype=np.float64)
    images, image = np.unique([place[0] for place in values], return_inverse=True)
    seeds, seed = np.unique([place[1] for place in values], return_inverse=True)
    mean, count = float(found.mean()), len(images)
    if count < 2 or not math.isfinite(mean):
        return Estimate(mean, math.nan, math.nan, count)
    if len(seeds) > 1:
        low, high = two_way.interval(found, image, seed)
    else:
        low, high = np.quantile(_resamples(count)[:, image] @ found / count, (0.025, 0.975))
    return Estimate(mean, float(low), float(high), count)


@functools.lru_cache(maxsize=16)  # every metric of every method has the same
def _resamples(count: int) -> NDArray[np.float64]:
    """How often each of `count` images is drawn when as many are drawn with replacement."""
    rng = np.random.default_rng(0)
    picks = rng.integers(0, count, (RESAMPLES, count)) + count * np.arange(RESAMPLES)[:, None]
    drawn = np.bincount(picks.ravel(), minlength=RESAMPLES * count)
    return drawn.reshape(RESAMPLES, count).astype(np.float64)
