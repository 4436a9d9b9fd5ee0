"""The chains of a measurement as one answer: who counts, their mean, std and quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from invprob.analysis import credible_intervals
from invprob.analysis.credible_intervals import Interval
from invprob.analysis.diagnostics import Diagnosis, examine
from invprob.analysis.draws import Drawn


class Pooled(NamedTuple):
    """B answers: which of the S chains count (B, S), mean and std (B, C, H, W), quantiles."""

    counted: Tensor
    mean: Tensor
    std: Tensor
    interval: Interval


def judge(
    draws: Drawn | None, measured: int, trace: Sequence[dict[str, Any]], images: int, samples: int
) -> list[Diagnosis]:
    """Diagnose the chains of every measurement.

    Args:
        draws: What was drawn.
        measured: How many values a measurement has.
        trace: The metrics along the run, of which ``coupling`` is the distance of a chain from the
            first one that shares its noise.
        images: The number B of measurements.
        samples: The number S of chains of each.

    Returns:
        B diagnoses; none without draws.
    """
    if draws is None:
        return []
    return examine(draws, measured, couplings(trace, images, samples))


def couplings(
    trace: Sequence[dict[str, Any]], images: int, samples: int
) -> list[tuple[float, ...]]:
    """Read how far chains are apart that share their noise.

    Args:
        trace: The metrics along the run.
        images: The number B of measurements.
        samples: The number S of chains of each.

    Returns:
        For each measurement the distance from the first chain, on average over the others, at the
        first and at the last step that has it; nothing where none has it.
    """
    found: list[tuple[float, ...]] = []
    for i in range(images):
        mine = [row for row in trace if row["chain"] // samples == i and row.get("coupling")]
        steps = sorted({row["step"] for row in mine})
        ends = [[float(r["coupling"]) for r in mine if r["step"] == at] for at in steps]
        found.append(tuple(sum(ends[k]) / len(ends[k]) for k in (0, -1)) if ends else ())
    return found


def pool(
    known: Sequence[Diagnosis],
    means: Tensor,
    variances: Tensor,
    last: Tensor,
    draws: Drawn | None,
    leave_out: bool,
) -> Pooled:
    """Pool the chains that count; the std follows from the law of total variance.

    Args:
        known: The diagnosis of each measurement, where there are draws.
        means: The mean along each chain, (B, S, C, H, W).
        variances: The variance along each chain, (B, S, C, H, W).
        last: The last sample of each chain, (B, S, C, H, W).
        draws: What was drawn.
        leave_out: Whether chains that are stuck do not count.

    Returns:
        The answers.
    """
    count = torch.ones(means.shape[:2], dtype=torch.bool)
    for i, found in enumerate(known if leave_out else ()):
        count[i, list(found.stuck)] = False
    rows = list(zip(means, variances, count, strict=True))
    mean = torch.stack([m[k].mean(0) for m, _, k in rows])
    spread = [(v[k].mean(0) + m[k].var(0, unbiased=False)).sqrt() for m, v, k in rows]
    shown = last[:, :, None] if draws is None else draws.images
    return Pooled(count, mean, torch.stack(spread), credible_intervals.of_chains(shown, count))
