"""Diffusion posterior sampling (Chung et al., 2023, arXiv:2209.14687)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_dps.consistency import Consistency
    from invprob_dps.latent.decoder import LatentDecoder
    from invprob_dps.latent.prior import LatentDiffusion
    from invprob_dps.moments import MMPS, PiGDM
    from invprob_dps.prior import PixelDiffusion
    from invprob_dps.solver import DPS

__all__ = [
    "DPS",
    "MMPS",
    "Consistency",
    "LatentDecoder",
    "LatentDiffusion",
    "PiGDM",
    "PixelDiffusion",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "Consistency": "consistency",
        "DPS": "solver",
        "LatentDecoder": "latent.decoder",
        "LatentDiffusion": "latent.prior",
        "MMPS": "moments",
        "PiGDM": "moments",
        "PixelDiffusion": "prior",
    },
)
