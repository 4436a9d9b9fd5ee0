"""Plug-and-play restoration of photographs of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_pnp.denoiser.prior import Photo

__all__ = ["Photo"]

__getattr__, __dir__ = exports(__name__, {"Photo": "denoiser.prior"})
