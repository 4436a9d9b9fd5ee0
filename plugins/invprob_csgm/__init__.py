"""Compressed sensing with generative models (Bora et al., 2017, arXiv:1703.03208)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_csgm.solver import CSGM

__all__ = ["CSGM"]

__getattr__, __dir__ = exports(__name__, {"CSGM": "solver"})
