"""Manifest of the SGILO set."""

from __future__ import annotations

from invprob.plugin import Component, hookimpl


@hookimpl
def invprob_components() -> list[Component]:
    return [
        Component(
            kind="solver",
            name="sgilo",
            target="invprob_sgilo.solver:SGILO",
            params="invprob_sgilo.params:SGILOParams",
            summary="Langevin on intermediate latents, guided by a score (Daras et al., 2022).",
            needs=("generator", "prior.score"),
            defaults=(("generator", "sgilo.stylegan2"), ("prior", "sgilo.latent-score")),
        ),
        Component(
            kind="solver",
            name="sgilo-official",
            target="invprob_sgilo.official:Official",
            params="invprob_sgilo.params:OfficialParams",
            summary="SGILO as its released code runs it: Adam, a small prior step, fixed noise.",
            needs=("generator", "prior.score"),
            defaults=(("generator", "sgilo.stylegan2"), ("prior", "sgilo.latent-score")),
        ),
        Component(
            kind="generator",
            name="stylegan2",
            target="invprob_sgilo.load:stylegan2",
            params="invprob_sgilo.params:StyleGAN2Params",
            summary="StyleGAN-2, split after every block (Karras et al., 2020).",
        ),
        Component(
            kind="prior",
            name="latent-score",
            target="invprob_sgilo.load:latent_score",
            params="invprob_sgilo.params:LatentScoreParams",
            summary="Score network over the latents of one stage (Daras et al., 2022).",
            offers=("score",),
            defaults=(("generator", "sgilo.stylegan2"),),
        ),
        Component(
            kind="prior",
            name="published-score",
            target="invprob_sgilo.published_file:published_score",
            params="invprob_sgilo.params:PublishedScoreParams",
            summary="The score networks that SGILO's authors published (Daras et al., 2022).",
            offers=("score",),
            defaults=(("generator", "sgilo.stylegan2"),),
        ),
        Component(
            kind="trainer",
            name="generator",
            target="invprob_sgilo.train_generator:train",
            params="invprob_sgilo.training_params:GeneratorTraining",
            summary="Train a StyleGAN-2 on a folder or zip of images.",
        ),
        Component(
            kind="trainer",
            name="prior",
            target="invprob_sgilo.train_prior:train",
            params="invprob_sgilo.params:PriorTraining",
            summary="Train a latent score prior for a stage of a generator.",
        ),
        Component(
            kind="converter",
            name="nvlabs-stylegan2",
            target="invprob_sgilo.convert_nvlabs:NVlabs",
            params="invprob_sgilo.params:NVlabsParams",
            summary="StyleGAN-2 snapshots of NVlabs (stylegan2-ada-pytorch, stylegan3).",
        ),
        Component(
            kind="converter",
            name="rosinality-stylegan2",
            target="invprob_sgilo.convert_rosinality:Rosinality",
            params="invprob_sgilo.params:RosinalityParams",
            summary="StyleGAN-2 checkpoints of rosinality/stylegan2-pytorch.",
        ),
        Component(
            kind="converter",
            name="sgilo-score",
            target="invprob_sgilo.convert_score:PublishedScoreNet",
            params="invprob_sgilo.params:PublishedNetParams",
            summary="Score networks of SGILO's release.",
        ),
        Component(
            kind="converter",
            name="gaussian-fit",
            target="invprob_sgilo.gaussian_codes:GaussianFit",
            params="invprob_sgilo.params:GaussianFitParams",
            summary="Moments of Gaussian codes (gaussian_fit.pt of ILO and SGILO).",
        ),
    ]
