"""Sliced Wasserstein distance between two sets of images (Karras et al., 2018, arXiv:1710.10196).

Patches of 7×7 pixels from each level of a Laplacian pyramid are compared through random
projections; in units of 10⁻³, lower is better, 0 for equal distributions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob import seeds

PATCH = 7
PATCHES_PER_IMAGE = 64
PROJECTIONS = 512


def sliced_wasserstein(a: Tensor, b: Tensor, seed: int = 0) -> dict[str, float]:
    """Compute the sliced Wasserstein distance of two sets of images.

    Args:
        a: Images (N, C, R, R) in [−1, 1].
        b: As many images of the same shape.
        seed: The seed of patches and projections.

    Returns:
        The distance in 10⁻³, ≥ 0, by the resolution of each level of the pyramid, and the mean of
        the levels under ``"mean"``.

    Raises:
        ValueError: If the sets have different shapes.
    """
    if a.shape != b.shape:
        raise ValueError(f"sets of other sizes: {tuple(a.shape)} and {tuple(b.shape)}")
    found = {}
    for level, (x, y) in enumerate(zip(laplacian_pyramid(a), laplacian_pyramid(b), strict=True)):
        # the same places in both sets, so that a set has the distance 0 to itself
        p, q = (descriptors(images, seeds.stream("swd", seed, level)) for images in (x, y))
        rng = seeds.stream("swd directions", seed, level)
        directions = F.normalize(torch.randn(p.shape[1], PROJECTIONS, generator=rng), dim=0)
        gap = (p @ directions).sort(0).values - (q @ directions).sort(0).values
        found[str(x.shape[2])] = float(gap.abs().mean()) * 1e3
    found["mean"] = sum(found.values()) / len(found)
    return found


def laplacian_pyramid(images: Tensor, smallest: int = 16) -> list[Tensor]:
    """Split images into bands of spatial frequency.

    Args:
        images: Images (N, C, R, R).
        smallest: The resolution at which halving stops.

    Returns:
        Band-pass images of resolution R, R/2, …, and low-pass ones of the last resolution.
    """
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = torch.outer(taps, taps).expand(images.shape[1], 1, 5, 5)
    levels = []
    while images.shape[2] > smallest:
        padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
        small = F.conv2d(padded, kernel, stride=2, groups=images.shape[1])
        spread = torch.zeros_like(images)
        spread[:, :, ::2, ::2] = small
        again = F.conv2d(
            F.pad(spread, (2, 2, 2, 2), mode="reflect"), kernel * 4, groups=images.shape[1]
        )
        levels.append(images - again)
        images = small
    return [*levels, images]


def descriptors(images: Tensor, rng: torch.Generator) -> Tensor:
    """Cut random patches, standardised channel by channel over the whole set.

    Args:
        images: Images (N, C, R, R), R ≥ `PATCH`.
        rng: The generator of the corners.

    Returns:
        Patches as rows, (N · `PATCHES_PER_IMAGE`, `PATCH`² · C).
    """
    count, size = images.shape[0], images.shape[2]
    corner = torch.randint(0, size - PATCH + 1, (2, count, PATCHES_PER_IMAGE), generator=rng)
    reach = torch.arange(PATCH)
    rows = (corner[0][..., None] + reach)[..., :, None]
    columns = (corner[1][..., None] + reach)[..., None, :]
    index = torch.arange(count)[:, None, None, None]
    patches = images.permute(0, 2, 3, 1)[index, rows, columns].flatten(0, 1)
    patches = patches - patches.mean((0, 1, 2))
    patches = patches / patches.std((0, 1, 2)).clamp_min(1e-8)
    return patches.flatten(1)
