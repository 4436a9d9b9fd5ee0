"""A diffusion model of images: a U-Net of diffusers and the α, σ of its scheduler.

u = 2x − 1 for an image x in [0, 1]. `invprob_dps.timing` has the times.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from diffusers import UNet2DModel
from torch import Tensor

from invprob.errors import BadParams, BadWeights
from invprob.generator import Generator
from invprob.io import checksums
from invprob.prior import over_images
from invprob.weights import precision, store
from invprob_dps.file import read_file
from invprob_dps.folder import Make, network_file, read_folder
from invprob_dps.params import PixelDiffusionParams
from invprob_dps.scheduler_config import NoiseLevels
from invprob_dps.unet_denoiser import Precision, UNetDenoiser

BUNDLED = Path(__file__).parent / "weights"


class PixelDiffusion(UNetDenoiser):
    """E[u_0 | u_t] of images (B, C, H, W) by a network of diffusers.

    `PixelDiffusion.pretrained("faces64-ddpm")` reads a network from weights.

    Args:
        net: The network, of blocks of pixels; its output may hold variances in a second half.
        scheduler: The α and σ it was trained with, and what it predicts.
        patch: The side of the blocks of pixels that the network sees as one.
        precision: Arithmetic of the network.
        size: Height and width of the images in pixels, where they are not those of its training.

    Raises:
        BadParams: If the network cannot halve images of this size as often as it does.
    """

    def __init__(
        self,
        net: UNet2DModel,
        scheduler: NoiseLevels,
        patch: int = 1,
        *,
        precision: Precision = "float32",
        size: tuple[int | None, int | None] = (None, None),
    ) -> None:
        super().__init__(net, scheduler, patch, precision)
        height, width = sides(net, patch, size)
        self.image_shape = (net.config["in_channels"] // patch**2, height, width)

    @classmethod
    def pretrained(cls, weights: str | Path = "faces64-ddpm", **values: Any) -> Self:
        """The model of bundled weights, of weights that were added by name, or of a file or folder.

        Args:
            weights: ``"faces64-ddpm"``, ``"fruits64-ddpm"``, another name of `invprob weights
                list`, a folder that diffusers wrote, or a file of ours or in a published format.
            values: Other parameters, as `invprob show prior pixel-diffusion` lists them:
                `precision`, `compile`, `sha256`.

        Returns:
            The model, on the CPU, in evaluation mode and without gradients of its weights.

        Raises:
            BadParams: If a parameter is unknown or out of its range.
            BadWeights: If a file is missing, damaged or not a pixel diffusion.
        """
        params = PixelDiffusionParams.parse({"weights": str(weights), **values}, "PixelDiffusion")
        return cls.from_params(params, None, 0).eval().requires_grad_(False)

    @classmethod
    def from_params(
        cls,
        params: PixelDiffusionParams,
        generator: Generator | None,
        stage: int,
        device: torch.device | None = None,
    ) -> Self:
        """The model that parameters describe, as the registry makes it.

        Args:
            params: The parameters.
            generator: None, or one of depth 0.
            stage: Not needed.
            device: Where it will compute, for ``precision=auto``; None: on the CPU.

        Returns:
            The model, on the CPU.

        Raises:
            BadInput: If there is a generator with latents.
            BadWeights: If a file is missing, damaged or not a pixel diffusion.
        """
        over_images("pixel-diffusion", generator)
        arithmetic = precision.fastest(device) if params.precision == "auto" else params.precision
        model = _read(
            params.weights,
            partial(cls, precision=arithmetic, size=(params.height, params.width)),
            params.sha256,
        )
        model.chosen = {"precision": arithmetic} if params.precision == "auto" else {}
        if params.compile:
            model.net.compile()
        return model

    def normalise(self, x: Tensor) -> Tensor:
        return 2 * x - 1

    def restore(self, u: Tensor) -> Tensor:
        return (u + 1) / 2


def sides(net: UNet2DModel, patch: int, size: tuple[int | None, int | None]) -> tuple[int, int]:
    """Choose the size of the images.

    Args:
        net: The network.
        patch: The side of the blocks of pixels that it sees as one.
        size: Height and width that are asked for, in pixels; None: those of its training.

    Returns:
        Height and width, in pixels.

    Raises:
        BadParams: If the network cannot halve images of this size as often as it does.
    """
    own = net.config["sample_size"]
    trained = (own, own) if isinstance(own, int) else tuple(own)
    height, width = (
        side * patch if asked is None else asked for side, asked in zip(trained, size, strict=True)
    )
    halvings = len(net.config["block_out_channels"]) - 1
    multiple = patch * 2**halvings
    if height % multiple or width % multiple:
        raise BadParams(
            f"this network halves images {halvings} times, which {width}×{height} pixels do not"
            " allow",
            f"give sides that are multiples of {multiple}",
        )
    return height, width


Model = TypeVar("Model", bound=PixelDiffusion)


def _read(name: str, make: Make[Model], sha256: str | None) -> Model:
    """A bundled model, or that of a folder or file, in float32."""
    inside = BUNDLED / name
    path = inside if name and inside.is_dir() else store.path(name)
    if path is None:
        names = {p.name for p in BUNDLED.glob("*/")}
        raise BadWeights(f"there is no diffusion model {name!r}", store.where(name, names))
    if path.is_dir():
        known = sha256 or checksums.listed(network_file(path), BUNDLED)
        return read_folder(path, make, known)
    return read_file(store.locate(name, BUNDLED), make, sha256)
