"""Answers without a network: a fitted Gaussian in closed form, total variation, wavelets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_classical.gaussian import GaussianPosterior
    from invprob_classical.gaussian_images import GaussianImages
    from invprob_classical.pinv import PseudoInverse
    from invprob_classical.tv import TotalVariation
    from invprob_classical.wavelet import Wavelet

__all__ = ["GaussianImages", "GaussianPosterior", "PseudoInverse", "TotalVariation", "Wavelet"]

__getattr__, __dir__ = exports(
    __name__,
    {
        "GaussianImages": "gaussian_images",
        "GaussianPosterior": "gaussian",
        "PseudoInverse": "pinv",
        "TotalVariation": "tv",
        "Wavelet": "wavelet",
    },
)
