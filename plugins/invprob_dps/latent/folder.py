"""Folders of unconditional latent diffusion: a U-Net and its scheduler beside an autoencoder.

The layout is that of LDMPipeline: ``unet/``, ``scheduler/``, and ``vqvae/`` or ``vae/``. An
autoencoder alone is a folder too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from diffusers import AutoencoderKL, UNet2DModel, VQModel

from invprob.errors import BadWeights, shown
from invprob_dps import folder_config, networks
from invprob_dps.folder import read_unet
from invprob_dps.folder_weights import folder_of, network_file, read_tensors
from invprob_dps.scheduler_config import NoiseLevels

Autoencoder: TypeAlias = AutoencoderKL | VQModel
KINDS: Mapping[str, type[Autoencoder]] = {"AutoencoderKL": AutoencoderKL, "VQModel": VQModel}
PARTS = ("vqvae", "vae")
PIPELINES = ("LDMPipeline",)
SCALE = 0.18215
"""The scaling_factor of diffusers where a config says none."""
NEEDED = (
    "needed is an unconditional latent diffusion: an AutoencoderKL or VQModel in vae/ or vqvae/, a"
    " UNet2DModel and its scheduler"
)


@dataclass(frozen=True)
class Decoder:
    """A decoder and what its latents are.

    Attributes:
        net: The autoencoder without its encoder, in float32.
        shape: (C, H, W) of a latent.
        scale: The factor that brings latents to about unit variance.
        shift: What is subtracted from them before.
        assumed: What was assumed because the config does not say it, in words.
    """

    net: Autoencoder
    shape: tuple[int, int, int]
    scale: float
    shift: float
    assumed: str


def place(name: str) -> Path:
    """Find the folder of a model.

    Args:
        name: A path, or an address on the hub.

    Returns:
        The folder.

    Raises:
        BadWeights: If there is none.
    """
    return folder_of(name, "latent diffusion", NEEDED)


def read_decoder(folder: Path, expected: str | None = None) -> Decoder:
    """The decoder of a folder.

    Args:
        folder: A pipeline of latent diffusion, or an autoencoder alone.
        expected: The SHA-256 of the autoencoder's weights file, checked if given.

    Returns:
        The decoder.

    Raises:
        BadWeights: If a file is missing or damaged, or the model needs a text, a class or something
            else that is not here.
    """
    index = folder_config.index(folder)
    folder_config.check_pipeline(folder, index, PARTS, PIPELINES, NEEDED)
    part = next((name for name in PARTS if (folder / name).is_dir()), "")
    config = folder_config.read_json(folder / part / "config.json")
    kind = config.get("_class_name", "no class")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadWeights(f"the decoder of {folder} is {shown(kind)}", NEEDED)
    _check(folder, config)
    arguments = folder_config.arguments(folder, config, KINDS[kind])
    tensors = read_tensors(network_file(folder, part), expected)
    net = networks.built(KINDS[kind], arguments, tensors, folder, "autoencoder")
    del net.encoder, net.quant_conv  # measurements are never encoded
    channels = net.config.get("vq_embed_dim") or net.config["latent_channels"]
    halvings = len(net.config["block_out_channels"]) - 1
    if (folder / "unet").is_dir():
        told = folder_config.read_json(folder / "unet" / "config.json")
        size = folder_config.network(folder, told, 1, channels)["sample_size"]
    else:
        size = _latent_size(folder, net.config["sample_size"], halvings)
    assumed = "" if config.get("scaling_factor") else f"scaling_factor {SCALE}, as in diffusers"
    scale = config.get("scaling_factor") or SCALE
    shift = net.config.get("shift_factor") or 0.0
    return Decoder(net, (channels, *_pair(size)), scale, shift, assumed)


def read_score(folder: Path, expected: str | None = None) -> tuple[UNet2DModel, NoiseLevels]:
    """The U-Net of a folder, over the latents of its decoder.

    Args:
        folder: A pipeline of latent diffusion.
        expected: The SHA-256 of the U-Net's weights file, checked if given.

    Returns:
        The network, in float32, and its scheduler.

    Raises:
        BadWeights: As `read_decoder` does.
    """
    index = folder_config.index(folder)
    folder_config.check_pipeline(folder, index, PARTS, PIPELINES, NEEDED)
    part = next((name for name in PARTS if (folder / name).is_dir()), None)
    if part is None:
        raise BadWeights(f"{folder} has no vqvae or vae beside its network", NEEDED)
    told = folder_config.read_json(folder / part / "config.json")
    channels = told.get("vq_embed_dim") or told.get("latent_channels")
    return read_unet(folder, index, "latent diffusion", channels, expected)


def _check(folder: Path, config: Mapping[str, Any]) -> None:
    """Raises `BadWeights` for an autoencoder with units of its latents that are not ours."""
    for name in ("latents_mean", "latents_std"):
        if config.get(name) is not None:
            raise BadWeights(f"the decoder of {folder} has {name}, a number for a channel", NEEDED)
    for name in ("scaling_factor", "shift_factor"):
        value = config.get(name)
        if not (value is None or (isinstance(value, int | float) and abs(value) < 1e6)):
            raise BadWeights(f"{name} of {folder} is {shown(value)}, not a number", NEEDED)
    if (scale := config.get("scaling_factor")) is not None and scale <= 0:
        raise BadWeights(f"scaling_factor of {folder} is {scale:g}, not above 0", NEEDED)
    if (channels := config.get("out_channels", 3)) not in (1, 3):
        raise BadWeights(f"the decoder of {folder} makes {shown(channels)} channels", NEEDED)


def _latent_size(folder: Path, size: Any, halvings: int) -> tuple[int, ...]:
    """The sides of the latents of pictures; raises `BadWeights`."""
    sides = tuple(size) if isinstance(size, list | tuple) and len(size) == 2 else (size, size)
    if not all(type(side) is int and side >= 2**halvings for side in sides):
        told = "×".join(map(shown, sides))
        raise BadWeights(
            f"sample_size of {folder} is {told}, and its network halves pictures {halvings} times",
            "write the side in pixels as sample_size into its config.json",
        )
    return tuple(side // 2**halvings for side in sides)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
