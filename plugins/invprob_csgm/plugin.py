"""Manifest of CSGM."""

from __future__ import annotations

from invprob.plugin import Component, hookimpl


@hookimpl
def invprob_components() -> list[Component]:
    return [
        Component(
            kind="solver",
            name="csgm",
            target="invprob_csgm.solver:CSGM.from_params",
            params="invprob_csgm.params:CSGMParams",
            summary="Descent on the generator's input, with restarts (Bora et al., 2017).",
            needs=("generator", "prior.log_density"),
            defaults=(("generator", "sgilo.stylegan2"), ("prior", "basics.gaussian")),
        )
    ]
