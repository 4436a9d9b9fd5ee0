"""General samplers with Metropolis' rule, which do not know what a generator is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_mcmc.hmc import HMC
    from invprob_mcmc.mala import MALA
    from invprob_mcmc.pcn import PCN

__all__ = ["HMC", "MALA", "PCN"]

__getattr__, __dir__ = exports(__name__, {"HMC": "hmc", "MALA": "mala", "PCN": "pcn"})
