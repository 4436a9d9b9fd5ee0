"""Manifest of the plug-and-play set."""

from __future__ import annotations

from invprob.plugin import Component, hookimpl


@hookimpl
def invprob_components() -> list[Component]:
    return [
        Component(
            kind="solver",
            name="pnp",
            target="invprob_pnp.solver:PnP.from_params",
            params="invprob_pnp.params:PnPParams",
            summary="Plug-and-play by half-quadratic splitting (Zhang et al., 2021).",
            needs=("prior.denoiser",),
            defaults=(("prior", "pnp.photo"), ("samples", "1")),
        ),
        Component(
            kind="solver",
            name="diffpir",
            target="invprob_pnp.diffpir:DiffPIR.from_params",
            params="invprob_pnp.params:DiffPIRParams",
            summary="Plug-and-play along a diffusion (Zhu et al., 2023).",
            needs=("prior.denoiser",),
            defaults=(("prior", "pnp.photo"),),
        ),
        Component(
            kind="solver",
            name="daps",
            target="invprob_pnp.daps:DAPS.from_params",
            params="invprob_pnp.params:DAPSParams",
            summary="Decoupled annealing posterior sampling in pixels (Zhang et al., 2024).",
            needs=("prior.denoiser",),
            defaults=(("prior", "pnp.photo"),),
        ),
        Component(
            kind="prior",
            name="photo",
            target="invprob_pnp.denoiser.prior:Photo.from_params",
            params="invprob_pnp.params:PhotoParams",
            summary="A denoiser of photographs of any size, for all noise levels.",
            offers=("score", "denoiser", "pixels"),
        ),
        Component(
            kind="trainer",
            name="denoiser",
            target="invprob_pnp.denoiser.train:train",
            params="invprob_pnp.params:DenoiserTraining",
            summary="Train a denoiser on a folder or zip of tiles of photographs.",
        ),
        Component(
            kind="converter",
            name="denoisers",
            target="invprob_pnp.published.convert:Denoisers",
            params="invprob.params:Params",
            summary="FFDNet and DRUNet of KAIR, and the bias-free CNN of Mohan et al. (2020).",
        ),
    ]
