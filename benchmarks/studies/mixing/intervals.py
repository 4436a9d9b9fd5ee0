"""Slopes and means with 95 % intervals over independent networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

Row = dict[str, float | str]
"""A line of a result file."""


class Interval(NamedTuple):
    """A mean and Student's 95 % interval of it."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"


def interval(values: Iterable[float]) -> Interval:
    """The mean of independent values, those that are not finite left out."""
    kept = np.array([v for v in values if math.isfinite(v)])
    if len(kept) < 2:
        mean = float(kept[0]) if len(kept) else math.nan
        return Interval(mean, math.nan, math.nan, len(kept))
    half = stats.t.ppf(0.975, len(kept) - 1) * kept.std(ddof=1) / math.sqrt(len(kept))
    return Interval(float(kept.mean()), kept.mean() - half, kept.mean() + half, len(kept))


def line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """(slope, R²) of the least-squares line; NaN for fewer than three points."""
    if len(x) < 3:
        return math.nan, math.nan
    fit = stats.linregress(x, y)
    return float(fit.slope), float(fit.rvalue**2)


def power(rows: Sequence[Row], x: str | Callable[[Row], float], y: str) -> Interval:
    """The exponent p of y ∝ x^p: a log-log slope for each network, then their mean."""
    slopes = []
    for net in sorted({row["net"] for row in rows}):
        mine = [row for row in rows if row["net"] == net and 0 < float(row[y]) < math.inf]
        xs = [math.log(x(row) if callable(x) else float(row[x])) for row in mine]
        slopes.append(line(xs, [math.log(float(row[y])) for row in mine])[0])
    return interval(slopes)


def power_of_mean(rows: Sequence[Row], x: str, y: str) -> Interval:
    """The exponent p of E y ∝ x^p, for y that may be negative: the slope through the means over
    networks, with a bootstrap interval over networks (2,000 resamples, those with a negative mean
    left out)."""
    nets = [net for (net,) in settings(rows, "net")]
    values = [value for (value,) in settings(rows, x)]
    table = np.array([[float(where(rows, net=n, **{x: v})[0][y]) for v in values] for n in nets])
    picks = np.random.default_rng(0).integers(len(nets), size=(2000, len(nets)))
    means = np.vstack([table.mean(0), table[picks].mean(1)])
    centred = np.log([float(v) for v in values])
    centred -= centred.mean()
    slopes = np.log(np.where(means > 0, means, np.nan)) @ centred / (centred @ centred)
    low, high = np.nanquantile(slopes[1:], [0.025, 0.975])
    return Interval(float(slopes[0]), float(low), float(high), len(nets))


def where(rows: Iterable[Row], **values: float | str) -> list[Row]:
    """The rows that have these values."""
    return [row for row in rows if all(row[k] == v for k, v in values.items())]


def settings(rows: Iterable[Row], *names: str) -> list[tuple[float | str, ...]]:
    """The different values of these columns, in the order in which they come."""
    return list(dict.fromkeys(tuple(row[name] for name in names) for row in rows))
