"""Denoisers for deepinv: the prior of a problem, and thresholds of wavelets."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from invprob.diffusion import levels
from invprob.errors import BadParams
from invprob.prior import Denoiser
from invprob.solver import Problem
from invprob_deepinv.library import deepinv


def denoiser(problem: Problem, name: str) -> Callable[[Tensor, Any], Tensor]:
    """The prior of a problem as deepinv calls a denoiser.

    Args:
        problem: The problem.
        name: What messages call the solver.

    Returns:
        A function of images in [0, 1] and of the level of their noise, the same for all.
    """
    prior: Denoiser[Tensor] = problem.prior(0, Denoiser, name)

    def denoise(x: Tensor, sigma: Any, **_: Any) -> Tensor:
        level = float(torch.as_tensor(sigma).flatten()[0])
        return levels.denoised(prior, x, level)

    return denoise


def wavelets(level: int, wavelet: str) -> Any:
    """Make the soft thresholds of the details of wavelets.

    Args:
        level: Resolutions of the wavelets.
        wavelet: The name of the wavelet, as in PyWavelets.

    Returns:
        A function of images (B, C, H, W) and the threshold `ths`.

    Raises:
        BadParams: If there is no such wavelet.
    """
    made = deepinv().models.WaveletDenoiser(level=level, wv=wavelet)
    try:
        importlib.import_module("pywt").Wavelet(wavelet)
    except ValueError:
        raise BadParams(
            f"there is no wavelet {wavelet!r}", "e.g. wavelet=haar, db4 or sym8"
        ) from None
    return made
