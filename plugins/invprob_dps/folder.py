"""Pixel diffusion models as folders of diffusers: configs as JSON, weights as safetensors.

Read are both layouts of the hub, ``unet/`` with ``scheduler/``, and all files in one folder. Ours
have ``patch`` in model_index.json besides, the side of the pixel blocks that the network sees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import torch
from diffusers import DDPMScheduler, UNet2DModel

from invprob.errors import BadWeights
from invprob.io import files, tensor_files
from invprob.prior import Prior
from invprob_dps import folder_config, networks, scheduler_config
from invprob_dps.folder_weights import NETWORK, network_file, read_tensors
from invprob_dps.scheduler_config import NoiseLevels

__all__ = ["network_file", "read_folder", "write_folder"]

Model = TypeVar("Model", bound=Prior)
Make: TypeAlias = Callable[[UNet2DModel, NoiseLevels, int], Model]


def read_folder(folder: Path, make: Make[Model], expected: str | None = None) -> Model:
    """The model of a folder, if what its configs say is what we compute.

    Args:
        folder: A pipeline as diffusers writes it, in either layout of the hub.
        make: What makes a model of its network, its scheduler and its patch.
        expected: The SHA-256 of its weights file, checked if given.

    Returns:
        What `make` made, in float32.

    Raises:
        BadWeights: For everything else, with what would be needed.
    """
    index = folder_config.index(folder)
    folder_config.check_pipeline(folder, index)
    net, scheduler = read_unet(folder, index, "pixel diffusion", expected=expected)
    return make(net, scheduler, index.get("patch", 1))


def read_unet(
    folder: Path,
    index: Mapping[str, Any],
    what: str,
    latent: int | None = None,
    expected: str | None = None,
) -> tuple[UNet2DModel, NoiseLevels]:
    """The U-Net of a folder and the noise that it knows.

    Args:
        folder: A pipeline as diffusers writes it, in either layout of the hub.
        index: Its model_index.json; empty where there is none.
        what: What messages call the model.
        latent: Channels of the latents that the network is for; None: it is for pictures.
        expected: The SHA-256 of its weights file, checked if given.

    Returns:
        The network, in float32, and its scheduler.

    Raises:
        BadWeights: If a file is missing or damaged, or says something else than we compute.
    """
    file = network_file(folder)
    told = folder_config.read_json(file.parent / "config.json")
    arguments = folder_config.network(folder, told, index.get("patch", 1), latent)
    times = folder_config.read_json(folder_config.timing(folder))
    tensors = read_tensors(file, expected)
    try:
        scheduler = scheduler_config.read(folder, times, index)
    except BadWeights:
        raise
    except Exception as error:  # diffusers raises a dozen unrelated classes
        reason = str(error).split("\n")[0]
        raise BadWeights(f"{folder} describes no {what}: {reason}", "") from None
    scheduler_config.check_variances(folder, arguments, times)
    return networks.built(UNet2DModel, arguments, tensors, folder, what), scheduler


def write_folder(
    folder: Path,
    net: UNet2DModel,
    scheduler: DDPMScheduler,
    patch: int,
    about: Mapping[str, object],
) -> None:
    """Write a folder that `read_folder` and, where patch is 1, diffusers' own pipelines read.

    Args:
        folder: The folder.
        net: The network, kept as float16.
        scheduler: Its noise schedule.
        patch: The side of the blocks of pixels that the network sees as one.
        about: How the model was made.
    """
    for name in ("unet", "scheduler"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    net.save_config(folder / "unet")
    scheduler.save_config(folder / "scheduler")
    index = {
        "_class_name": "DDPMPipeline",
        "unet": ["diffusers", "UNet2DModel"],
        "scheduler": ["diffusers", "DDPMScheduler"],
        "patch": patch,
        **about,
    }
    files.write_json(folder / "model_index.json", index)
    tensors = {k: v.to(torch.float16) for k, v in net.state_dict().items()}
    tensor_files.write(folder / "unet" / NETWORK, tensors, {"format": "pt"})
