"""From cells to tables: means with bootstrap intervals, paired differences, ties.

The unit is the image: the seeds of one are averaged first. Intervals are percentile bootstrap over
images (Efron, 1979), with the same resamples for every method, so that differences stay paired.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

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
    "psnr_sample": Metric("PSNR sample", 2, "more", True),
    "psnr_oracle": Metric("PSNR oracle", 2, "more"),
    "ssim_mean": Metric("SSIM mean", 3, "more", True),
    "ssim_sample": Metric("SSIM sample", 3, "more"),
    "ms_ssim_mean": Metric("MS-SSIM mean", 3, "more"),
    "lpips_mean": Metric("LPIPS mean", 3, "less"),
    "mse_mean": Metric("MSE mean", 5, "less"),
    "mse_sample": Metric("MSE sample", 5, "less"),
    "misfit_mean": Metric("misfit mean", 2, None),
    "misfit_sample": Metric("misfit sample", 2, None, True),
    "crps": Metric("CRPS", 4, "less", True),
    "coverage_90": Metric("coverage of 90 %", 2, None, True),
    "r_hat": Metric("R-hat", 2, None),
    "ess": Metric("ESS", 0, None),
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


def lines(
    rows: Iterable[Row], tasks: Sequence[str], methods: Sequence[str], reference: str
) -> list[Line]:
    """A line for every task and method that has cells, in the order of the suite."""
    by_image: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for row in rows:
        for metric, value in row.figures.items():
            if metric in METRICS and value is not None:
                images = by_image.setdefault((row.task, row.method, metric), {})
                images.setdefault(row.image, []).append(value)
    averaged = {
        place: {image: sum(v) / len(v) for image, v in images.items()}
        for place, images in by_image.items()
    }
    made = []
    for task in tasks:
        for method in methods:
            values, differences = {}, {}
            for metric in METRICS:
                mine = averaged.get((task, method, metric))
                theirs = averaged.get((task, reference, metric))
                if mine:
                    values[metric] = estimate(list(mine.values()))
                shared = sorted(set(mine or ()) & set(theirs or ()))
                if mine and theirs and shared and method != reference:
                    differences[metric] = estimate([mine[i] - theirs[i] for i in shared])
            if values:
                made.append(Line(task, method, values, differences))
    return made


def estimate(values: Sequence[float]) -> Estimate:
    """The mean, with its bootstrap interval."""
    found = np.asarray(values, dtype=np.float64)
    if len(found) < 2:
        return Estimate(float(found.mean()), math.nan, math.nan, len(found))
    picks = np.random.default_rng(0).integers(0, len(found), (RESAMPLES, len(found)))
    low, high = np.quantile(found[picks].mean(1), (0.025, 0.975))
    return Estimate(float(found.mean()), float(low), float(high), len(found))


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


def as_markdown(found: Sequence[Line], reference: str) -> str:
    """One table per task; bold is best, ≈ marks differences that may be none."""
    parts = []
    for task in dict.fromkeys(line.task for line in found):
        those = [line for line in found if line.task == task]
        metrics = shown(those)
        heads = ["method", *(METRICS[m].title for m in metrics), f"PSNR mean − {reference}"]
        table = [f"### {task}\n", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        for line in those:
            cells = [line.method]
            for metric in metrics:
                text = number(line.values[metric].mean, metric) if metric in line.values else "–"
                cells.append(f"**{text}**" if line.method in best(those, metric) else text)
            gap = line.differences.get("psnr_mean")
            cells.append(difference(gap, "psnr_mean") if gap else "")
            table.append("| " + " | ".join(cells) + " |")
        parts.append("\n".join(table) + "\n")
    return "\n".join(parts)
