"""Intermediate layer optimization (Daras et al., 2021, arXiv:2102.07364)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_ilo.l1_ball import L1Ball
    from invprob_ilo.solver import ILO

__all__ = ["ILO", "L1Ball"]

__getattr__, __dir__ = exports(__name__, {"ILO": "solver", "L1Ball": "l1_ball"})
