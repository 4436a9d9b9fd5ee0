"""From cells to tables: means, paired differences, ties."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from invprob.bench.bootstrap import Estimate, crossed


@dataclass(frozen=True)
class Metric:
    """How a figure is called and read.

    Attributes:
        title: The head of its column.
        digits: Digits after the point.
        better: ``"more"`` or ``"less"``; None where neither is.
        short: Whether it is shown in the terminal.
    """

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
    "psnr_aligned_mean": Metric("PSNR aligned, mean", 2, "more"),
    "psnr_aligned_last": Metric("PSNR aligned, last sample", 2, "more", True),
    "psnr_aligned_best_chi2": Metric("PSNR aligned, best of samples by χ²", 2, "more"),
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
    """The figures of one cell.

    Attributes:
        task: The name of the task.
        method: The label of the method.
        image: The name of the picture.
        seed: The seed.
        figures: Figures by name; None where there is none.
    """

    task: str
    method: str
    image: str
    seed: int
    figures: Mapping[str, float | None]


@dataclass(frozen=True)
class Line:
    """A method on a task.

    Attributes:
        task: The name of the task.
        method: The label of the method.
        values: Estimates by metric.
        differences: Estimates of the differences to the reference, by metric.
    """

    task: str
    method: str
    values: Mapping[str, Estimate]
    differences: Mapping[str, Estimate] = field(default_factory=dict)


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


def best(found: Sequence[Line], metric: str) -> set[str]:
    """Find the method of the best mean, and those of the same mean.

    Args:
        found: The lines of one task.
        metric: The name of the metric.

    Returns:
        Labels of methods; none where none is best.
    """
    better = METRICS[metric].better
    have = {line.method: line.values[metric].mean for line in found if metric in line.values}
    if better is None or len(have) < 2:
        return set()
    top = max(have.values()) if better == "more" else min(have.values())
    return {method for method, value in have.items() if value == top}


def shown(found: Sequence[Line], short: bool = False) -> list[str]:
    """List the metrics that any line has.

    Args:
        found: The lines.
        short: Whether only those that fit on a screen are wanted.

    Returns:
        Names of metrics, in the order of `METRICS`.
    """
    have = {metric for line in found for metric in line.values}
    return [m for m, told in METRICS.items() if m in have and (told.short or not short)]


def number(value: float, metric: str) -> str:
    """Write a figure as it stands in a table.

    Args:
        value: The figure.
        metric: The name of the metric.

    Returns:
        The text.
    """
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"
    return f"{value:.{METRICS[metric].digits}f}"


def difference(value: Estimate, metric: str) -> str:
    """Write a difference, ``+0.31 [+0.10, +0.52]``, with ≈ before a tie.

    Args:
        value: The difference.
        metric: The name of the metric.

    Returns:
        The text.
    """
    text = value.signed(METRICS[metric].digits)
    return f"≈ {text}" if value.tie else text


def as_json(found: Sequence[Line]) -> list[dict[str, Any]]:
    """Write lines as plain values.

    Args:
        found: The lines.

    Returns:
        A dictionary for each.
    """

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
