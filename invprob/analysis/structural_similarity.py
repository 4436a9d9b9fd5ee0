"""SSIM and MS-SSIM, as torchmetrics defines them: its import takes longer than a short solve.

μ and σ are a local mean and standard deviation under a Gaussian window, of each channel, at every
pixel of images that are mirrored at their edges:

    SSIM = l · c
    l = (2 μ_x μ_y + c₁) / (μ_x² + μ_y² + c₁)
    c = (2 σ_xy + c₂) / (σ_x² + σ_y² + c₂)

Wang, Bovik, Sheikh, Simoncelli, Image quality assessment: from error visibility to structural
similarity, IEEE Transactions on Image Processing 13(4), 2004. At five scales: Wang, Simoncelli,
Bovik, Multiscale structural similarity for image quality assessment, Asilomar Conference, 2003.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

RADIUS, SIGMA = 5, 1.5
"""The window has 2 × 5 + 1 = 11 pixels a side."""

C1, C2 = 0.01**2, 0.03**2
BAND = 2**20
"""As many pixels are compared at a time."""
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The exponent of each scale, from fine to coarse."""


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Compute the mean of SSIM over all pixels and channels.

    Args:
        x: Images (B, C, H, W) in [0, 1], of at least 6 pixels a side.
        y: The images to compare with, (B, C, H, W) in [0, 1].

    Returns:
        One number per image, (B,), at most 1, of the precision of x.
    """
    return _each(_ssim, x, y)


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """Compute the product over five scales of contrast, and at the coarsest of SSIM.

    Contrast is averaged without the pixels near an edge, and is at least 0.

    Args:
        x: Images (B, C, H, W) in [0, 1], of at least 176 pixels a side.
        y: The images to compare with, (B, C, H, W) in [0, 1].

    Returns:
        One number per image, (B,), from 0 to 1, of the precision of x.
    """
    return _each(_ms_ssim, x, y)


def _each(metric: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """A metric of image after image, which bounds the memory that large ones take."""
    pairs = zip(x, y, strict=True)
    return torch.stack([metric(a[:, None], b[:, None]) for a, b in pairs]).to(x.dtype)


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    """SSIM of one image, whose channels are (C, 1, H, W), band after band of its rows."""
    height, width = x.shape[2:]
    rows = max(1, BAND // width)
    total = torch.zeros((), dtype=torch.float64, device=x.device)
    for a, b in _mirrored(x, y):
        for first in range(0, height, rows):
            band = slice(first, first + rows + 2 * RADIUS)
            luminance, contrast = _maps(a[:, :, band], b[:, :, band])
            total += (luminance * contrast).sum()
    return total / x.numel()


def _ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """MS-SSIM of one image, whose channels are (C, 1, H, W)."""
    product = torch.ones((), dtype=torch.float64, device=x.device)
    for weight in WEIGHTS[:-1]:
        inner = slice(RADIUS, -RADIUS)
        found = [_maps(a, b)[1][..., inner, inner].mean() for a, b in _mirrored(x, y)]
        product = product * torch.stack(found).mean().clamp_min(0) ** weight
        x, y = F.avg_pool2d(x.double(), 2), F.avg_pool2d(y.double(), 2)
    return product * _ssim(x, y).clamp_min(0) ** WEIGHTS[-1]


def _mirrored(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Channel after channel, mirrored beyond its edges, in double precision: variances of flat
    regions are small differences of large numbers."""
    for channel in zip(x[:, None], y[:, None], strict=True):
        a, b = (F.pad(part.double(), (RADIUS,) * 4, mode="reflect") for part in channel)
        yield a, b


def _maps(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The luminance l and the contrast c at each pixel, (1, 1, H, W), of channels with an edge."""
    mean_x, mean_y, xx, yy, xy = _blurred(torch.cat([a, b, a * a, b * b, a * b]))[:, None]
    products, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    variances = (xx - mean_x**2).clamp_min(0) + (yy - mean_y**2).clamp_min(0)
    luminance = (2 * products + C1) / (squares + C1)
    return luminance, (2 * (xy - products) + C2) / (variances + C2)


def _blurred(padded: Tensor) -> Tensor:
    """The mean of each pixel's neighbourhood, (B, 1, H, W), of channels with an edge.

    Sums of shifted images: a convolution in double precision copies eleven of them.
    """
    offsets = torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64)
    window = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    weights = (window / window.sum()).tolist()
    for axis in (2, 3):
        size = padded.shape[axis] - 2 * RADIUS
        total = torch.zeros_like(padded.narrow(axis, 0, size))
        for i, weight in enumerate(weights):
            total.add_(padded.narrow(axis, i, size), alpha=weight)
        padded = total
    return padded
