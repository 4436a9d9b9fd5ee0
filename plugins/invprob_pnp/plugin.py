"""Manifest of the plug-and-play set."""

from __future__ import annotations

from invprob.plugin import Component, hookimpl


@hookimpl
def invprob_components() -> list[Component]:
    return [
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
    ]
