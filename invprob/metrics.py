"""Figures of merit, one number per image, from torchmetrics."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure


def mse(image: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of (B, C, H, W) images in [0, 1], of shape (B,)."""
    return ((image.clamp(0, 1) - truth) ** 2).flatten(1).mean(1)


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB for a peak of 1, of shape (B,)."""
    return -10 * torch.log10(mse(image, truth).clamp_min(1e-12))


def ssim(image: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity (Wang et al., 2004) with an 11-pixel Gaussian window, of shape (B,)."""
    values = structural_similarity_index_measure(
        image.clamp(0, 1), truth, data_range=1.0, reduction="none"
    )
    assert isinstance(values, Tensor)
    return values.reshape(-1)
