"""Means of several numbers of samples, and what is left of their error without the finite number.

For independent samples x_s of one distribution with mean m and variance v, the mean of S of them is
off by E ‖x̄_S − x‖² = ‖m − x‖² + v/S. So methods are compared at the same S; and the error at
S → ∞ is estimated without bias by that at S less the sample variance over S.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from invprob.analysis import metrics

COUNTS = (4, 16)


def quality(samples: Tensor, truth: Tensor) -> dict[str, float]:
    """How near means of 4, of 16 and of infinitely many samples are to the truth.

    Args:
        samples: Samples, or estimates from several starts, (S, C, H, W), clipped to [0, 1].
        truth: The image that was measured, (C, H, W).

    Returns:
        ``psnr_mean_4`` and ``psnr_mean_16``, the average over disjoint groups of so many samples,
        where there are enough; ``psnr_mean_inf``, where there are two and the estimated error is
        positive.
    """
    samples = samples.clamp(0, 1)
    made = {}
    for count in COUNTS:
        if len(samples) >= count:
            whole = len(samples) // count * count
            means = samples[:whole].reshape(-1, count, *truth.shape).mean(1)
            found = metrics.psnr(means, truth.expand_as(means)).mean()
            made[f"psnr_mean_{count}"] = float(found)
    if len(samples) > 1:
        error = (samples.mean(0) - truth).square().mean() - samples.var(0).mean() / len(samples)
        if error > 0:
            made["psnr_mean_inf"] = -10 * math.log10(float(error))
    return made


def range_coverage(samples: Tensor, truth: Tensor) -> float:
    """How much more often the truth lies between the samples than it should.

    Of S samples and a truth of one distribution, the truth is neither the least nor the greatest
    with probability (S − 1)/(S + 1), whatever the distribution is.

    Args:
        samples: Samples (S, C, H, W), S ≥ 2.
        truth: The image that was measured, (C, H, W).

    Returns:
        The part of pixels within the range of the samples, less (S − 1)/(S + 1).
    """
    inside = (samples.amin(0) <= truth) & (truth <= samples.amax(0))
    count = len(samples)
    return float(inside.to(torch.float32).mean()) - (count - 1) / (count + 1)
