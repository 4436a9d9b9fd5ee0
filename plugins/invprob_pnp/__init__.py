"""Plug-and-play restoration of photographs of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_pnp.daps import DAPS
    from invprob_pnp.denoiser.prior import Photo
    from invprob_pnp.diffpir import DiffPIR
    from invprob_pnp.solver import PnP

__all__ = ["DAPS", "DiffPIR", "Photo", "PnP"]

__getattr__, __dir__ = exports(
    __name__,
    {"DAPS": "daps", "DiffPIR": "diffpir", "Photo": "denoiser.prior", "PnP": "solver"},
)
