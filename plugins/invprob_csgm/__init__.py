"""Compressed sensing with generative models (Bora et al., 2017, arXiv:1703.03208)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_csgm.solver import CSGM
    from invprob_csgm.vae.generator import VAE

__all__ = ["CSGM", "VAE"]

__getattr__, __dir__ = exports(__name__, {"CSGM": "solver", "VAE": "vae.generator"})
