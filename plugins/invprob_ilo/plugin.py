"""Manifest of l1-ILO."""

from __future__ import annotations

from invprob.plugin import Component, hookimpl


@hookimpl
def invprob_components() -> list[Component]:
    return [
        Component(
            kind="solver",
            name="ilo",
            target="invprob_ilo.solver:ILO.from_params",
            params="invprob_ilo.params:ILOParams",
            summary="Stage by stage descent within an l1 ball of each start (Daras et al., 2021).",
            needs=("generator", "prior.proximal"),
            defaults=(("generator", "sgilo.stylegan2"), ("prior", "ilo.l1-ball")),
        ),
        Component(
            kind="prior",
            name="l1-ball",
            target="invprob_ilo.l1_ball:L1Ball.from_params",
            params="invprob_ilo.params:L1BallParams",
            summary="Uniform on an l1 ball, leaf by leaf; its prox is the projection.",
            offers=("proximal",),
        ),
    ]
