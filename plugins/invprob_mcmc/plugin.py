"""Manifest of the general samplers."""

from __future__ import annotations

from invprob.plugin import Component, hookimpl


@hookimpl
def invprob_components() -> list[Component]:
    return [
        Component(
            kind="solver",
            name="mala",
            target="invprob_mcmc.mala:MALA.from_params",
            params="invprob_mcmc.params:MALAParams",
            summary="Langevin with Metropolis' rule (Roberts and Tweedie, 1996).",
            needs=("prior.log_density",),
        ),
        Component(
            kind="solver",
            name="hmc",
            target="invprob_mcmc.hmc:HMC.from_params",
            params="invprob_mcmc.params:HMCParams",
            summary="Hamiltonian Monte Carlo (Neal, 2011).",
            needs=("prior.log_density",),
        ),
        Component(
            kind="solver",
            name="pcn",
            target="invprob_mcmc.pcn:PCN.from_params",
            params="invprob_mcmc.params:PCNParams",
            summary="Preconditioned Crank-Nicolson without gradients (Cotter et al., 2013).",
            needs=("generator", "prior.log_density"),
            defaults=(("generator", "sgilo.stylegan2"), ("prior", "basics.gaussian")),
        ),
    ]
