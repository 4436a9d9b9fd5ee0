"""What chains of images say of themselves: who is stuck, which pixels are undecided, what widens.

R-hat compares the variance between chains with that within them (Gelman and Rubin, Inference from
iterative simulation using multiple sequences, 1992). Nested R-hat does so between groups of chains,
for many short ones (Margossian, Hoffman, Sountsov, Riou-Durand, Vehtari and Gelman, Nested R-hat:
assessing the convergence of Markov chain Monte Carlo when running many short chains, 2022,
arXiv:2110.13017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

UNDECIDED = 1.1
"""A pixel of this R-hat or more is undecided: of independent draws one in thousands is."""

LEAST_IMAGES = 16
"""Images of a chain that the R-hat of a pixel needs."""

SIGNIFICANT = 6.0
"""Standard deviations of χ² by which a chain that is stuck is worse than the best."""


def pixel_r_hat(images: Tensor) -> Tensor | None:
    """Compute the split R-hat of every pixel, that of its worst channel.

    Args:
        images: R images of S chains along time, (S, R, C, H, W).

    Returns:
        R-hat (H, W), 1 where nothing moves, ∞ where a chain is not finite; None of fewer than 2
        chains of `LEAST_IMAGES`.
    """
    chains, count = images.shape[:2]
    if chains < 2 or count < LEAST_IMAGES:
        return None
    half = count // 2
    halves = torch.cat([images[:, :half], images[:, -half:]]).float()
    within = halves.var(1).mean(0)
    between = halves.mean(1).var(0)
    # not "> 0", which hides chains that are lost
    ratio = torch.where(between == 0, torch.zeros_like(between), between / within)
    ratio = ratio.nan_to_num(nan=math.inf, posinf=math.inf)
    return ((half - 1) / half + ratio).sqrt().clamp_min(1.0).amax(0)


def pixel_r_hats(images: Tensor) -> Tensor | None:
    """Compute `pixel_r_hat` of every image.

    Args:
        images: (B, S, R, C, H, W).

    Returns:
        (B, H, W), or None.
    """
    found = [pixel_r_hat(each) for each in images]
    known = [each for each in found if each is not None]
    return torch.stack(known) if known else None


def undecided(r_hat: Tensor | None) -> float:
    """Compute the part of the pixels that are undecided.

    Args:
        r_hat: The R-hat of each pixel, (H, W).

    Returns:
        A part in [0, 1]; NaN where R-hat is unknown. What is not finite is undecided.
    """
    return math.nan if r_hat is None else float((~(r_hat < UNDECIDED)).float().mean())


def nested_r_hat(values: Tensor) -> Tensor:
    """Compute nested R-hat (Margossian et al., 2022, arXiv:2110.13017).

    The chains of a group have one start. With groups of one chain it is R-hat without splitting,
    and with one draw of each chain it judges the chains' ends.

    Args:
        values: D draws of M chains in K groups, as F functionals, (K, M, D, F); M or D above 1.

    Returns:
        √(1 + between/within) of each functional, (F,).
    """
    of_chains, of_groups = values.mean(2), values.mean((1, 2))
    within = torch.zeros_like(of_groups)
    if values.shape[1] > 1:
        within = within + of_chains.var(1)
    if values.shape[2] > 1:
        within = within + values.var(2).mean(1)
    return (1 + of_groups.var(0) / within.mean(0)).sqrt()


def stuck(chi2: Sequence[float], measured: int) -> tuple[int, ...]:
    """Name the chains that sit in a worse minimum than the best chain.

    Reduced χ² of m measured values has a standard deviation of √(2/m). A chain whose χ² is above
    the best by `SIGNIFICANT` of them is less likely by hundreds of nats where m is hundreds.

    Args:
        chi2: Reduced χ² of each chain, on average over its draws; NaN if there is no noise.
        measured: How many values m were measured, ≥ 1.

    Returns:
        The numbers of the chains, from 0; those that are not finite among finite ones too.
    """
    known = [value for value in chi2 if math.isfinite(value)]
    if not known:
        return ()
    most = min(known) + SIGNIFICANT * math.sqrt(2 / measured)
    return tuple(k for k, value in enumerate(chi2) if not value <= most)


def spreads(images: Tensor) -> tuple[float, float]:
    """Compare the spread of the draws at half and at full length.

    In a stationary chain both are the same; a chain that still moves away from its start, or comes
    from afar, has two.

    Args:
        images: R images of S chains along time, (S, R, C, H, W).

    Returns:
        The standard deviation of a pixel, root mean square over pixels, of the first half of all
        draws and of all; NaN if the first half is fewer than two images.
    """
    first = images[:, : (images.shape[1] + 1) // 2]
    if first.shape[0] * first.shape[1] < 2:
        return math.nan, math.nan
    half, full = (part.float().flatten(0, 1).var(0).mean().sqrt() for part in (first, images))
    return float(half), float(full)
