"""Intervals of a mean over images and seeds, where there are several seeds.

All values of an image have something in common, and so have all values of a seed, which draws a
mask or matrix. With e the differences to the mean of N values, sums of e over such a cluster have
the variance that the choice of clusters gives the mean,

    V = V_images + V_seeds − V_values,    V_clusters = K/(K − 1) Σ_k (Σ_{c ∈ k} e_c)² / N²

for K clusters; V_values counts every value as a cluster of its own (Cameron, Gelbach, Miller,
Robust inference with multiway clustering, Journal of Business & Economic Statistics 29(2), 2011).
Where every image meets one seed, images are inside the clusters of seeds, and V is V_seeds.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


def interval(values: NDArray[np.float64], image: Places, seed: Places) -> tuple[float, float]:
    """The 95 % interval of the mean, by Student's t.

    Args:
        values: The values, (N,).
        image: The image of each, counted from 0, (N,).
        seed: The seed of each, counted from 0, (N,); there are two at least.

    Returns:
        Its lower and its upper end.
    """
    from scipy.special import stdtrit  # its import is for tables of several seeds alone

    mean, away = float(values.mean()), values - values.mean()
    images, seeds, each = (_variance(away, k) for k in (image, seed, np.arange(len(values))))
    if len(values) == len(np.unique(image)):
        variance, clusters = seeds, seed
    else:
        # an estimate that is a difference may be too small by chance
        variance = max(images + seeds - each, images, seeds)
        clusters = image if images >= seeds else seed
    half = math.sqrt(variance) * float(stdtrit(len(np.unique(clusters)) - 1, 0.975))
    return mean - half, mean + half


def _variance(away: NDArray[np.float64], cluster: Places) -> float:
    """The variance of the mean that the choice of clusters gives it."""
    sums = np.bincount(cluster, away)
    return float(len(sums) / (len(sums) - 1) * (sums**2).sum() / len(away) ** 2)
