"""Metrics of images, one number per image."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob.analysis import structural_similarity


def mse(image: Tensor, truth: Tensor) -> Tensor:
    """Compute the mean squared error.

    Args:
        image: Images (B, C, H, W), clipped to [0, 1].
        truth: The truth (B, C, H, W) in [0, 1].

    Returns:
        One number per image, (B,), in [0, 1].
    """
    return ((image.clamp(0, 1) - truth) ** 2).flatten(1).mean(1)


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """Compute the peak signal-to-noise ratio, −10 log₁₀ MSE for a peak of 1.

    Args:
        image: Images (B, C, H, W), clipped to [0, 1].
        truth: The truth (B, C, H, W) in [0, 1].

    Returns:
        Decibels, (B,), from 0 to 120.
    """
    return -10 * torch.log10(mse(image, truth).clamp_min(1e-12))


def psnr_aligned(image: Tensor, truth: Tensor, signed: bool = False) -> Tensor:
    """Compute the PSNR up to what the magnitudes of Fourier coefficients cannot tell apart.

    Each channel by itself is turned by 180° or not, and shifted on the circle, to where it is
    nearest to the truth.

    Args:
        image: Images (B, C, H, W), clipped to [0, 1].
        truth: The truth (B, C, H, W) in [0, 1].
        signed: Whether the sign is lost too: both are around 0 then, and are not clipped.

    Returns:
        Decibels for a peak of 1, (B,), from 0 to 120; at least `psnr(image, truth)`.
    """
    image = image.double() if signed else image.clamp(0, 1).double()
    spectrum = torch.fft.fft2(truth.double()).conj()
    likeness = []
    for turned in (image, image.flip(2, 3)):
        products = torch.fft.ifft2(torch.fft.fft2(turned) * spectrum).real
        likeness.append((products.abs() if signed else products).flatten(2).amax(2))
    best = torch.maximum(*likeness)
    energy = image.square().sum((2, 3)) + truth.double().square().sum((2, 3))
    error = (energy - 2 * best).sum(1) / image[0].numel()
    return -10 * torch.log10(error.clamp_min(1e-12)).to(truth)


def ssim(image: Tensor, truth: Tensor) -> Tensor:
    """Compute the structural similarity, SSIM, with an 11-pixel Gaussian window.

    Wang, Bovik, Sheikh, Simoncelli, Image quality assessment: from error visibility to structural
    similarity, IEEE Transactions on Image Processing 13(4), 2004.

    Args:
        image: Images (B, C, H, W), clipped to [0, 1].
        truth: The truth (B, C, H, W) in [0, 1].

    Returns:
        One number per image, (B,), at most 1; 1 for equal images; NaN for images of less than 6
        pixels a side, which are smaller than half of the window.
    """
    if min(image.shape[-2:]) < 6:
        return torch.full((len(image),), torch.nan)
    return structural_similarity.ssim(image.clamp(0, 1), truth)


def ms_ssim(image: Tensor, truth: Tensor) -> Tensor | None:
    """Compute the structural similarity at five scales, MS-SSIM.

    Wang, Simoncelli, Bovik, Multiscale structural similarity for image quality assessment, Asilomar
    Conference on Signals, Systems and Computers, 2003.

    Args:
        image: Images (B, C, H, W), clipped to [0, 1].
        truth: The truth (B, C, H, W) in [0, 1].

    Returns:
        One number per image, (B,), at most 1; None for images of less than 176 pixels, whose
        coarsest scale is smaller than the window.
    """
    if min(image.shape[-2:]) < 176:
        return None
    return structural_similarity.ms_ssim(image.clamp(0, 1), truth)


def lpips(image: Tensor, truth: Tensor) -> Tensor | None:
    """Compute the learned perceptual distance LPIPS with AlexNet.

    Zhang, Isola, Efros, Shechtman, Wang, 2018, arXiv:1801.03924.

    Args:
        image: Images (B, C, H, W), clipped to [0, 1].
        truth: The truth (B, C, H, W) in [0, 1].

    Returns:
        One number per image, (B,), 0 for equal images; None for images of other than 3 channels,
        and without the extra `lpips` or its weights on disk.
    """
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
    # before what may import matplotlib, and late, since a first step should not wait for it
    from invprob.global_state import matplotlib_state  # noqa: F401, I001

    import lpips

    return lpips.LPIPS(net="alex", verbose=False).eval().requires_grad_(False)


def crps(draws: Tensor, truth: Tensor) -> float:
    """Compute the continuous ranked probability score, E|X − x| − ½ E|X − X'|, of each pixel.

    Gneiting, Raftery, Strictly proper scoring rules, prediction, and estimation, Journal of the
    American Statistical Association 102, 2007; without the bias of few draws (Ferro, Fair scores
    for ensemble forecasts, Quarterly Journal of the Royal Meteorological Society 140, 2014).

    Args:
        draws: Draws (n, C, H, W) of one image, n > 1, clipped to [0, 1].
        truth: The truth (C, H, W) in [0, 1].

    Returns:
        The mean over all pixels, in units of [0, 1]; lower is better.
    """
    n = len(draws)
    ranked = draws.clamp(0, 1).sort(0).values
    rank = torch.arange(1, n + 1, dtype=draws.dtype).reshape(-1, *[1] * truth.dim())
    between = ((2 * rank - n - 1) * ranked).sum(0) / (n * (n - 1))
    return float(((ranked - truth).abs().mean(0) - between).mean())
