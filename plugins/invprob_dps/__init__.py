"""Diffusion posterior sampling (Chung et al., 2023, arXiv:2209.14687)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_dps.consistency import Consistency
    from invprob_dps.ddim import DDIM
    from invprob_dps.dmilo import DMILO
    from invprob_dps.dmplug import DMPlug
    from invprob_dps.latent.decoder import LatentDecoder
    from invprob_dps.latent.prior import LatentDiffusion
    from invprob_dps.moments import MMPS, PiGDM
    from invprob_dps.prior import PixelDiffusion
    from invprob_dps.solver import DPS

__all__ = [
    "DDIM",
    "DMILO",
    "DPS",
    "MMPS",
    "Consistency",
    "DMPlug",
    "LatentDecoder",
    "LatentDiffusion",
    "PiGDM",
    "PixelDiffusion",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "Consistency": "consistency",
        "DDIM": "ddim",
        "DMILO": "dmilo",
        "DMPlug": "dmplug",
        "DPS": "solver",
        "LatentDecoder": "latent.decoder",
        "LatentDiffusion": "latent.prior",
        "MMPS": "moments",
        "PiGDM": "moments",
        "PixelDiffusion": "prior",
    },
)
