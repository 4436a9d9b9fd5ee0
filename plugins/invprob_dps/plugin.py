"""Manifest of DPS."""

from __future__ import annotations

from invprob.plugin import Component, hookimpl


@hookimpl
def invprob_components() -> list[Component]:
    return [
        Component(
            kind="solver",
            name="dps",
            target="invprob_dps.solver:DPS.from_params",
            params="invprob_dps.params:DPSParams",
            summary="Diffusion posterior sampling in pixel space (Chung et al., 2023).",
            needs=("prior.denoiser",),
            defaults=(("prior", "dps.pixel-diffusion"),),
        ),
        Component(
            kind="solver",
            name="mmps",
            target="invprob_dps.moments:MMPS.from_params",
            params="invprob_dps.params:MomentMatchingParams",
            summary="Diffusion posterior sampling by matched moments (Rozet et al., 2024).",
            needs=("prior.denoiser",),
            defaults=(("prior", "dps.pixel-diffusion"),),
        ),
        Component(
            kind="solver",
            name="pigdm",
            target="invprob_dps.moments:PiGDM.from_params",
            params="invprob_dps.params:MomentMatchingParams",
            summary="Pseudoinverse-guided diffusion (Song et al., 2023).",
            needs=("prior.denoiser",),
            defaults=(("prior", "dps.pixel-diffusion"),),
        ),
        Component(
            kind="solver",
            name="dmplug",
            target="invprob_dps.dmplug:DMPlug.from_params",
            params="invprob_dps.ddim_params:DMPlugParams",
            summary="Descent on the seed of a diffusion model (Wang et al., 2024).",
            needs=("generator",),
            defaults=(("generator", "dps.ddim"),),
        ),
        Component(
            kind="solver",
            name="dmilo",
            target="invprob_dps.dmilo:DMILO.from_params",
            params="invprob_dps.ddim_params:DMILOParams",
            summary="From the image back to the seed, stage by stage (Zheng et al., 2025).",
            needs=("generator",),
            defaults=(("generator", "dps.ddim"),),
        ),
        Component(
            kind="generator",
            name="ddim",
            target="invprob_dps.ddim:DDIM.from_params",
            params="invprob_dps.ddim_params:DDIMParams",
            summary="A diffusion model as a generator, a stage a step (Song et al., 2021).",
        ),
        Component(
            kind="prior",
            name="pixel-diffusion",
            target="invprob_dps.prior:PixelDiffusion.from_params",
            params="invprob_dps.params:PixelDiffusionParams",
            summary="A diffusion model of images, a diffusers folder or a file (Ho et al., 2020).",
            offers=("score", "denoiser", "pixels"),
        ),
        Component(
            kind="generator",
            name="latent-decoder",
            target="invprob_dps.latent.decoder:LatentDecoder.from_params",
            params="invprob_dps.params:LatentDecoderParams",
            summary="The decoder of latent diffusion, a diffusers folder (Rombach et al., 2022).",
        ),
        Component(
            kind="prior",
            name="latent-diffusion",
            target="invprob_dps.latent.prior:LatentDiffusion.from_params",
            params="invprob_dps.params:LatentDiffusionParams",
            summary="The U-Net of latent diffusion, over latents of its decoder.",
            offers=("score", "denoiser"),
            defaults=(("generator", "dps.latent-decoder"),),
        ),
        Component(
            kind="generator",
            name="consistency",
            target="invprob_dps.consistency:Consistency.from_params",
            params="invprob_dps.params:ConsistencyParams",
            summary="A consistency model in one step, a diffusers folder (Song et al., 2023).",
        ),
        Component(
            kind="trainer",
            name="diffusion",
            target="invprob_dps.training.train:train",
            params="invprob_dps.params:DiffusionTraining",
            summary="Train a pixel diffusion model on a folder or zip of images.",
        ),
        Component(
            kind="converter",
            name="guided-diffusion",
            target="invprob_dps.guided_diffusion.convert:GuidedDiffusion",
            params="invprob_dps.params:GuidedDiffusionParams",
            summary="U-Nets of guided diffusion (Dhariwal & Nichol, 2021), and of DPS.",
        ),
    ]
