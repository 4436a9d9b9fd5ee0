"""Figures of merit, one number per image, from torchmetrics."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)


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


def ms_ssim(image: Tensor, truth: Tensor) -> Tensor | None:
    """Structural similarity at five scales (Wang et al., 2003), of shape (B,); None for images of
    less than 176 pixels, whose coarsest scale is smaller than the window."""
    if min(image.shape[-2:]) < 176:
        return None
    pairs = zip(image.clamp(0, 1)[:, None], truth[:, None], strict=True)
    values = [
        multiscale_structural_similarity_index_measure(a, b, data_range=1.0) for a, b in pairs
    ]
    return torch.stack(values)


def lpips(image: Tensor, truth: Tensor) -> Tensor | None:
    """Learned perceptual distance (Zhang et al., 2018, arXiv:1801.03924) with AlexNet, of shape
    (B,); None without the extra `lpips` or its weights on disk."""
    net = _lpips()
    if net is None or image.shape[1] != 3:
        return None
    with torch.no_grad():
        found = net(2 * image.clamp(0, 1) - 1, 2 * truth - 1)
    assert isinstance(found, Tensor)
    return found.reshape(-1)


@functools.cache
def _lpips() -> Any:
    if importlib.util.find_spec("lpips") is None:
        return None
    backbone = Path(torch.hub.get_dir()) / "checkpoints" / "alexnet-owt-7be5be79.pth"
    if not backbone.is_file():  # torchvision would fetch it, and a table must not wait for that
        return None
    import lpips

    return lpips.LPIPS(net="alex", verbose=False).eval().requires_grad_(False)


def crps(draws: Tensor, truth: Tensor) -> float:
    """Continuous ranked probability score of draws (n, C, H, W), n > 1, averaged over the pixels
    of `truth` (C, H, W): E|X − x| − ½ E|X − X'|, without the bias of few draws (Ferro, 2014)."""
    n = len(draws)
    ranked = draws.clamp(0, 1).sort(0).values
    rank = torch.arange(1, n + 1, dtype=draws.dtype).reshape(-1, *[1] * truth.dim())
    between = ((2 * rank - n - 1) * ranked).sum(0) / (n * (n - 1))
    return float(((ranked - truth).abs().mean(0) - between).mean())
