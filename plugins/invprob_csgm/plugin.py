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
        ),
        Component(
            kind="generator",
            name="vae",
            target="invprob_csgm.vae.generator:VAE.from_params",
            params="invprob_csgm.vae.params:VAEParams",
            summary="The decoder of a variational autoencoder (Kingma and Welling, 2013).",
        ),
        Component(
            kind="trainer",
            name="vae",
            target="invprob_csgm.vae.train:train",
            params="invprob_csgm.vae.params:VAETraining",
            summary="Train a variational autoencoder on a folder or zip of images.",
        ),
    ]
