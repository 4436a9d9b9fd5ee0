"""Manifest of the classical set."""

from __future__ import annotations

from invprob.plugin import Component, hookimpl


@hookimpl
def invprob_components() -> list[Component]:
    return [
        Component(
            kind="solver",
            name="gaussian",
            target="invprob_classical.gaussian:GaussianPosterior.from_params",
            params="invprob_classical.params:GaussianPosteriorParams",
            summary="The exact posterior under a Gaussian prior of images.",
            needs=("prior.log_density",),
            defaults=(("prior", "classical.gaussian-images"),),
        ),
        Component(
            kind="solver",
            name="tv",
            target="invprob_classical.tv:TotalVariation.from_params",
            params="invprob_classical.params:TotalVariationParams",
            summary="Least total variation that fits the measurement (Chambolle & Pock, 2011).",
            defaults=(("samples", "1"),),
        ),
        Component(
            kind="solver",
            name="wavelet",
            target="invprob_classical.wavelet:Wavelet.from_params",
            params="invprob_classical.params:WaveletParams",
            summary="Fewest wavelet details that fit the measurement (Coifman & Donoho, 1995).",
            defaults=(("samples", "1"),),
        ),
        Component(
            kind="solver",
            name="pinv",
            target="invprob_classical.pinv:PseudoInverse.from_params",
            params="invprob.params:Params",
            summary="The least-squares image of least norm (Penrose, 1955).",
            defaults=(("samples", "1"),),
        ),
        Component(
            kind="prior",
            name="gaussian-images",
            target="invprob_classical.gaussian_images:GaussianImages.from_params",
            params="invprob_classical.params:GaussianImagesParams",
            summary="A Gaussian fitted to images: mean, components, and an isotropic remainder.",
            offers=("log_density", "score", "denoiser", "pixels"),
        ),
        Component(
            kind="trainer",
            name="gaussian",
            target="invprob_classical.gaussian_fit:train",
            params="invprob_classical.params:GaussianTraining",
            summary="Fit a Gaussian to a folder or zip of images.",
        ),
    ]
