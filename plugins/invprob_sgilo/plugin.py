"""Manifest of the SGILO set."""

from __future__ import annotations

from invprob.plugin import Component, hookimpl


@hookimpl
def invprob_components() -> list[Component]:
    return [
        Component(
            kind="solver",
            name="sgilo",
            target="invprob_sgilo.solvers.sgilo:SGILO.from_params",
            params="invprob_sgilo.solvers.params:SGILOParams",
            summary="Langevin on intermediate latents, guided by a score (Daras et al., 2022).",
            needs=("generator", "prior.score"),
            defaults=(("generator", "sgilo.stylegan2"), ("prior", "sgilo.latent-score")),
        ),
        Component(
            kind="solver",
            name="sgilo-released",
            target="invprob_sgilo.solvers.released:Released.from_params",
            params="invprob_sgilo.solvers.params:ReleasedParams",
            summary="SGILO as its released code runs it: Adam, a small prior step, fixed noise.",
            needs=("generator", "prior.score"),
            defaults=(("generator", "sgilo.stylegan2"), ("prior", "sgilo.latent-score")),
            aliases=("sgilo-official",),
        ),
        Component(
            kind="generator",
            name="stylegan2",
            target="invprob_sgilo.stylegan2.generator:StyleGAN2.from_params",
            params="invprob_sgilo.stylegan2.params:StyleGAN2Params",
            summary="StyleGAN-2, split after every block (Karras et al., 2020).",
        ),
        Component(
            kind="prior",
            name="latent-score",
            target="invprob_sgilo.score.prior:LatentScore.from_params",
            params="invprob_sgilo.score.params:LatentScoreParams",
            summary="Score network over the latents of one stage (Daras et al., 2022).",
            offers=("score",),
            defaults=(("generator", "sgilo.stylegan2"),),
        ),
        Component(
            kind="prior",
            name="published-score",
            target="invprob_sgilo.published.score_prior:PublishedScore.from_params",
            params="invprob_sgilo.published.params:PublishedScoreParams",
            summary="The score networks that SGILO's authors published (Daras et al., 2022).",
            offers=("score",),
            defaults=(("generator", "sgilo.stylegan2"),),
        ),
        Component(
            kind="trainer",
            name="generator",
            target="invprob_sgilo.stylegan2.training.train:train",
            params="invprob_sgilo.stylegan2.training.params:GeneratorTraining",
            summary="Train a StyleGAN-2 on a folder or zip of images.",
        ),
        Component(
            kind="trainer",
            name="encoder",
            target="invprob_sgilo.stylegan2.training.encode:train",
            params="invprob_sgilo.stylegan2.training.params:EncoderTraining",
            summary="Train an encoder from pictures to a stage of a StyleGAN-2.",
        ),
        Component(
            kind="trainer",
            name="prior",
            target="invprob_sgilo.score.train:train",
            params="invprob_sgilo.score.params:PriorTraining",
            summary="Train a latent score prior for a stage of a generator.",
        ),
        Component(
            kind="converter",
            name="nvlabs-stylegan2",
            target="invprob_sgilo.published.nvlabs:NVlabs",
            params="invprob_sgilo.published.params:NVlabsParams",
            summary="StyleGAN-2 snapshots of NVlabs (stylegan2-ada-pytorch, stylegan3).",
        ),
        Component(
            kind="converter",
            name="rosinality-stylegan2",
            target="invprob_sgilo.published.rosinality:Rosinality",
            params="invprob_sgilo.published.params:RosinalityParams",
            summary="StyleGAN-2 checkpoints of rosinality/stylegan2-pytorch.",
        ),
        Component(
            kind="converter",
            name="sgilo-score",
            target="invprob_sgilo.published.score_convert:PublishedScoreNet",
            params="invprob_sgilo.published.params:PublishedNetParams",
            summary="Score networks of SGILO's release.",
        ),
        Component(
            kind="converter",
            name="gaussian-fit",
            target="invprob_sgilo.published.gaussian_fit:GaussianFit",
            params="invprob_sgilo.published.params:GaussianFitParams",
            summary="Moments of Gaussian codes (gaussian_fit.pt of ILO and SGILO).",
        ),
    ]
