"""Diffusion posterior sampling (Chung et al., 2023, arXiv:2209.14687)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_dps.ddim import DDIM
    from invprob_dps.dmilo import DMILO
    from invprob_dps.dmplug import DMPlug
    from invprob_dps.moments import MMPS, PiGDM
    from invprob_dps.prior import PixelDiffusion
    from invprob_dps.solver import DPS

__all__ = ["DDIM", "DMILO", "DPS", "MMPS", "DMPlug", "PiGDM", "PixelDiffusion"]

__getattr__, __dir__ = exports(
    __name__,
    {
        "DDIM": "ddim",
        "DMILO": "dmilo",
        "DMPlug": "dmplug",
        "DPS": "solver",
        "MMPS": "moments",
        "PiGDM": "moments",
        "PixelDiffusion": "prior",
    },
)
