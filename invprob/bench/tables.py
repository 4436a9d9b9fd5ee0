"""From cells to tables: means with bootstrap intervals, paired differences, ties.

A seed draws a mask or matrix and its noise, so images and seeds are two crossed samples. Intervals
are percentile bootstrap intervals (Efron, 1979) that resample both, each by itself (Owen, 2007,
arXiv:0712.1111), with the same resamples for every method, so that differences stay paired.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4000


@dataclass(frozen=True)
class Metric:
    """How a figure is called and read; `better` is None where neither more nor less is."""

    title: str
    digits: int
    better: Literal["more", "less"] | None
    short: bool = False


METRICS = {
    "psnr_mean": Metric("PSNR mean", 2, "more", True),
    "mean_samples": Metric("samples in the mean", 0, None),
    "psnr_mean_4": Metric("PSNR mean of 4", 2, "more"),
    "psnr_mean_16": Metric("PSNR mean of 16", 2, "more"),
    "psnr_mean_inf": Metric("PSNR mean, S → ∞", 2, "more"),
    "psnr_last": Metric("PSNR last sample", 2, "more", True),
    "psnr_random": Metric("PSNR random sample", 2, "more"),
    "psnr_best_chi2": Metric("PSNR best of samples by χ²", 2, "more"),
    "psnr_oracle": Metric("PSNR oracle", 2, "more"),
    "ssim_mean": Metric("SSIM mean", 3, "more", True),
    "ssim_last": Metric("SSIM last sample", 3, "more"),
    "ssim_best_chi2": Metric("SSIM best of samples by χ²", 3, "more"),
    "ms_ssim_mean": Metric("MS-SSIM mean", 3, "more"),
    "lpips_mean": Metric("LPIPS mean", 3, "less"),
    "mse_mean": Metric("MSE mean", 5, "less"),
    "mse_last": Metric("MSE last sample", 5, "less"),
    "chi2_mean": Metric("χ² mean", 2, None),
    "chi2_last": Metric("χ² last sample", 2, None, True),
    "crps": Metric("CRPS", 4, "less", True),
    "coverage_90": Metric("coverage of 90 %", 2, None, True),
    "range_coverage": Metric("coverage of the range − nominal", 3, None),
    "not_converged": Metric("not converged", 2, None, True),
    "r_hat": Metric("R-hat", 2, None, True),
    "ess": Metric("ESS", 0, None, True),
    "seconds": Metric("seconds", 1, "less", True),
    "generator_passes": Metric("generator passes", 0, None, True),
    "prior_passes": Metric("prior passes", 0, None, True),
    "memory_mb": Metric("peak MB", 0, None, True),
}


@dataclass(frozen=True)
class Row:
    """The figures of one cell."""

    task: str
    method: str
    image: str
    seed: int
    figures: Mapping[str, float | None]


@dataclass(frozen=True)
class Estimate:
    """A mean over n images with its 95 % interval; of one image there is none (NaN)."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def tie(self) -> bool:
        """Whether the interval, of a difference, leaves open which is more."""
        return not (self.low > 0 or self.high < 0)

    def signed(self, digits: int) -> str:
        """A difference as text: ``+0.31 [+0.10, +0.52]``."""
        text = f"{self.mean:+.{digits}f}"
        if not math.isnan(self.low):
            text += f" [{self.low:+.{digits}f}, {self.high:+.{digits}f}]"
        return text


@dataclass(frozen=True)
class Line:
    """A method on a task: estimates by metric, and differences to the reference."""

    task: str
    method: str
    values: Mapping[str, Estimate]
    differences: Mapping[str, Estimate] = field(default_factory=dict)


Values = Mapping[tuple[str, int], float]
"""A metric by image and seed."""


def lines(
    rows: Iterable[Row], tasks: Sequence[str], methods: Sequence[str], reference: str
) -> list[Line]:
    """The lines of all tables.

    Args:
        rows: Finished cells.
        tasks: The tasks, in the order of the suite.
        methods: The methods, in the order of the suite.
        reference: The method that differences are taken to.

    Returns:
        A line for every task and method that has cells, in that order.
    """
    found: dict[tuple[str, str, str], dict[tuple[str, int], float]] = {}
    for row in rows:
        for metric, value in row.figures.items():
            if metric in METRICS and value is not None:
                cells = found.setdefault((row.task, row.method, metric), {})
                cells[row.image, row.seed] = value
    made = []
    for task in tasks:
        for method in methods:
            values, differences = {}, {}
            for metric in METRICS:
                mine = found.get((task, method, metric), {})
                theirs = found.get((task, reference, metric), {})
                shared = sorted(set(mine) & set(theirs))
                if mine:
                    values[metric] = crossed(mine)
                if shared and method != reference:
                    differences[metric] = crossed({c: mine[c] - theirs[c] for c in shared})
            if values:
                made.append(Line(task, method, values, differences))
    return made


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
    if count < 2:
        return Estimate(mean, math.nan, math.nan, count)
    rng = np.random.default_rng(0)
    weights = _resampled(rng, count)[:, image] * _resampled(rng, len(seeds))[:, seed]
    totals = weights.sum(1)
    drawn = totals > 0  # images that meet one seed each may all be left out
    means = (weights @ found)[drawn] / totals[drawn]
    low, high = np.quantile(means, (0.025, 0.975))
    return Estimate(mean, float(low), float(high), count)


def _resampled(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """How often each of `count` things is drawn when as many are drawn with replacement."""
    picks = rng.integers(0, count, (RESAMPLES, count)) + count * np.arange(RESAMPLES)[:, None]
    drawn = np.bincount(picks.ravel(), minlength=RESAMPLES * count)
    return drawn.reshape(RESAMPLES, count).astype(np.float64)


def best(found: Sequence[Line], metric: str) -> set[str]:
    """The method of best mean among lines of one task, and alike ones (none where none is best)."""
    better = METRICS[metric].better
    have = {line.method: line.values[metric].mean for line in found if metric in line.values}
    if better is None or len(have) < 2:
        return set()
    top = max(have.values()) if better == "more" else min(have.values())
    return {method for method, value in have.items() if value == top}


def shown(found: Sequence[Line], short: bool = False) -> list[str]:
    """The metrics that any line has, all or those that fit on a screen."""
    have = {metric for line in found for metric in line.values}
    return [m for m, told in METRICS.items() if m in have and (told.short or not short)]


def number(value: float, metric: str) -> str:
    """A figure as it stands in a table."""
    return "–" if math.isnan(value) else f"{value:.{METRICS[metric].digits}f}"


def difference(value: Estimate, metric: str) -> str:
    """``+0.31 [+0.10, +0.52]``, with ≈ before what is a tie."""
    text = value.signed(METRICS[metric].digits)
    return f"≈ {text}" if value.tie else text


def as_json(found: Sequence[Line]) -> list[dict[str, Any]]:
    """The lines as plain values."""

    def plain(estimate: Estimate) -> dict[str, Any]:
        told = {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}
        finite = {k: None if math.isnan(v) else v for k, v in told.items()}
        return {**finite, "n": estimate.n}

    return [
        {
            "task": line.task,
            "method": line.method,
            "values": {m: plain(e) for m, e in line.values.items()},
            "differences": {m: {**plain(e), "tie": e.tie} for m, e in line.differences.items()},
        }
        for line in found
    ]
