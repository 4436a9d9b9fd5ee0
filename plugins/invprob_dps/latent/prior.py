"""The U-Net of latent diffusion as the score of its decoder's latents."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from invprob.errors import Incompatible
from invprob.generator import Generator
from invprob_dps.latent.decoder import LatentDecoder
from invprob_dps.latent.folder import place, read_score
from invprob_dps.params import LatentDiffusionParams
from invprob_dps.unet_denoiser import UNetDenoiser


class LatentDiffusion(UNetDenoiser):
    """E[u_0 | u_t] of latents (B, c, h, w) by a network of diffusers.

    `LatentDiffusion.pretrained(generator=G)` reads the network that stands beside a decoder.

    Args:
        net: The network.
        scheduler: The α and σ it was trained with, and what it predicts.
        patch: The side of the blocks of latents that the network sees as one.
        precision: Arithmetic of the network.
    """

    @classmethod
    def pretrained(
        cls,
        weights: str | Path = "auto",
        *,
        generator: Generator,
        sha256: str | None = None,
    ) -> Self:
        """The prior of a folder.

        Args:
            weights: A folder as LDMPipeline of diffusers writes it, ``hf:OWNER/NAME``, or
                ``"auto"``: the folder of the generator.
            generator: The decoder whose latents they are.
            sha256: The SHA-256 of the U-Net's weights file, checked if given.

        Returns:
            The prior, on the CPU, in evaluation mode and without gradients of its weights.

        Raises:
            BadWeights: If a file is missing, damaged or not such a network.
            Incompatible: If the generator has other latents.
        """
        params = LatentDiffusionParams(weights=str(weights), sha256=sha256)
        return cls.from_params(params, generator, 0).eval().requires_grad_(False)

    @classmethod
    def from_params(
        cls, params: LatentDiffusionParams, generator: Generator | None, stage: int
    ) -> Self:
        """The factory that the manifest names; see `pretrained`.

        Args:
            params: All parameters at once.
            generator: A decoder of latent diffusion.
            stage: 0, the only one.

        Returns:
            The prior, on the CPU.
        """
        if not isinstance(generator, LatentDecoder) or stage != 0:
            raise Incompatible(
                "latent-diffusion is a prior of the latents of latent-decoder, at stage 0",
                "give --generator latent-decoder:weights=FOLDER, and stages=0 to the solver",
            )
        folder = generator.source if params.weights == "auto" else place(params.weights)
        if folder is None:
            raise Incompatible(
                "latent-diffusion:weights=auto needs a decoder that was read from a folder",
                "give weights=FOLDER",
            )
        net, scheduler = read_score(folder, params.sha256)
        shape = (net.config["in_channels"], *_sides(net.config["sample_size"]))
        if shape != generator.latent_shape:
            raise Incompatible(
                f"the network of {folder} is for latents {shape}, and those of the generator are"
                f" {generator.latent_shape}",
                "take both from one folder",
            )
        return cls(net, scheduler, precision=params.precision)


def _sides(size: int | tuple[int, int]) -> tuple[int, ...]:
    return (size, size) if isinstance(size, int) else tuple(size)
