"""The decoder of latent diffusion as a generator: x = (1 + D(z/s + m))/2, in one stage.

Rombach, Blattmann, Lorenz, Esser, Ommer, High-resolution image synthesis with latent diffusion
models, 2022, arXiv:2112.10752. The latent z is in the units of the diffusion model, of about unit
variance. A decoder of VQModel moves it to the nearest codes first; its gradient passes unchanged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import torch
from diffusers import VQModel
from torch import Tensor

from invprob.generator import Generator
from invprob_dps.latent.folder import Decoder, place, read_decoder
from invprob_dps.params import LatentDecoderParams
from invprob_dps.unet_denoiser import Precision


class LatentDecoder(Generator[Tensor]):
    """Images (B, C, H, W) of latents (B, c, h, w).

    `LatentDecoder.pretrained(FOLDER)` reads a decoder from a folder of diffusers.

    Args:
        decoder: The network, and what its latents are.
        quantize: Whether a decoder of VQModel moves latents to the nearest codes.
        precision: Arithmetic of the network.
        source: The folder that it was read from, where the prior `latent-diffusion` is.
    """

    depth = 1

    def __init__(
        self,
        decoder: Decoder,
        *,
        quantize: bool = True,
        precision: Precision = "float32",
        source: Path | None = None,
    ) -> None:
        super().__init__()
        self.net, self.latent_shape = decoder.net, decoder.shape
        self.scale, self.shift, self.assumed = decoder.scale, decoder.shift, decoder.assumed
        free = isinstance(self.net, VQModel) and not quantize
        self._options = {"force_not_quantize": True} if free else {}
        self.dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self.source = source
        height, width = (
            side * 2 ** (len(self.net.config["block_out_channels"]) - 1)
            for side in self.latent_shape[1:]
        )
        self.image_shape = (self.net.config["out_channels"], height, width)

    @classmethod
    def pretrained(cls, weights: str | Path, **values: Any) -> Self:
        """The decoder of a folder.

        Args:
            weights: A folder as LDMPipeline of diffusers writes it, one of an autoencoder alone, or
                ``hf:OWNER/NAME``.
            values: Other parameters, as `invprob show generator latent-decoder` lists them.

        Returns:
            The generator, on the CPU, in evaluation mode and without gradients of its weights.

        Raises:
            BadParams: If a parameter is unknown or out of its range.
            BadWeights: If a file is missing, damaged or not such a decoder.
        """
        given = LatentDecoderParams.parse({"weights": str(weights), **values}, "LatentDecoder")
        return cls.from_params(given).eval().requires_grad_(False)

    @classmethod
    def from_params(cls, params: LatentDecoderParams) -> Self:
        """The factory that the manifest names.

        Args:
            params: All parameters at once.

        Returns:
            The generator, on the CPU.
        """
        folder = place(params.weights)
        return cls(
            read_decoder(folder, params.sha256),
            quantize=params.quantize,
            precision=params.precision,
            source=folder,
        )

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        like = next(self.net.decoder.parameters())
        return torch.randn((batch, *self.latent_shape), generator=rng).to(like)

    def stage(self, k: int, x: Tensor) -> Tensor:
        if k != 1:
            raise ValueError(f"stage {k} of a generator of depth 1")
        with torch.autocast(x.device.type, self.dtype, enabled=self.dtype != torch.float32):
            image: Tensor = self.net.decode(x / self.scale + self.shift, **self._options).sample
        return (image.to(x.dtype) + 1) / 2
