"""Pixel-wise quantiles of draws, and how often the truth lies between them.

The quantile q of n draws is at the place (n + 1) q among them, counted from 1: another draw of the
same distribution is below it with probability q (Weibull, 1939; Hyndman and Fan, Sample quantiles
in statistical packages, The American Statistician 50(4), 1996, definition 6). By NumPy's default an
interval of 90 % from 20 draws would hold another draw in 81 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

LEVELS = (0.05, 0.5, 0.95)
ENOUGH = 20
"""Of fewer values a quantile of 5 % lies beyond the least of them."""
BAND = 2**20
"""As many values are sorted at a time."""


@dataclass(frozen=True)
class Interval:
    """The quantiles of each pixel: of draws of the posterior, its central 90 % interval.

    Attributes:
        lower: The quantile of 5 %, (B, C, H, W), in the units of the images.
        median: The quantile of 50 %, (B, C, H, W).
        upper: The quantile of 95 %, (B, C, H, W).
        count: How many values of each pixel they were taken from, ≥ 1.
    """

    lower: Tensor
    median: Tensor
    upper: Tensor
    count: int

    @property
    def trusted(self) -> bool:
        """Whether there are enough values, `ENOUGH`, for the outer quantiles to mean something."""
        return self.count >= ENOUGH


def interval(images: Tensor) -> Interval:
    """Compute the quantiles of each pixel, linear between draws, and not beyond them.

    Args:
        images: n values of each pixel, (B, n, C, H, W).

    Returns:
        The interval, float32.
    """
    if images.shape[1] == 1:
        only = images[:, 0].float()
        return Interval(only, only, only, 1)
    # image by image: a batch in float32 need not fit; NumPy's has no limit of size
    with np.errstate(invalid="ignore"):  # of chains that are lost; their quantiles become NaN
        lower, median, upper = torch.stack([_quantiles(rows) for rows in images], 1)
    return Interval(lower, median, upper, images.shape[1])


def _quantiles(rows: Tensor) -> Tensor:
    """The quantiles (3, C, H, W) of n values (n, C, H, W) of each pixel, band after band of pixels:
    NumPy takes some twenty times the memory of its input."""
    values = rows.float().flatten(1)
    width = max(1, BAND // len(values))
    found = values.new_empty(len(LEVELS), values.shape[1])
    for band, place in zip(*(torch.split(part, width, 1) for part in (values, found)), strict=True):
        place.copy_(torch.from_numpy(np.quantile(band.numpy(), LEVELS, axis=0, method="weibull")))
    return found.reshape(len(LEVELS), *rows.shape[1:])


def of_chains(images: Tensor, count: Tensor) -> Interval:
    """Compute the quantiles of each pixel over the chains that count.

    Args:
        images: R images of S chains of each measurement, (B, S, R, C, H, W).
        count: Which chains count, (B, S); at least one of each measurement.

    Returns:
        The interval; its `count` is that of the measurement with the fewest.
    """
    parts = [interval(each[k].flatten(0, 1)[None]) for each, k in zip(images, count, strict=True)]
    if len(parts) == 1:
        return parts[0]
    lower, median, upper = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("lower", "median", "upper")
    )
    return Interval(lower, median, upper, min(part.count for part in parts))


def coverage(found: Interval, truth: Tensor) -> Tensor:
    """Compute how often the truth lies in the interval.

    Args:
        found: The interval.
        truth: The truth, (B, C, H, W).

    Returns:
        The part of its pixels that lie in the interval, in [0, 1], (B,).
    """
    inside = (found.lower <= truth) & (truth <= found.upper)
    return inside.float().flatten(1).mean(1)
