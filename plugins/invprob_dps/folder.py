"""Pixel diffusion models as folders of diffusers: configs as JSON, weights as safetensors.

Read are both layouts of the hub, ``unet/`` with ``scheduler/``, and all files in one folder. Ours
have ``patch`` in model_index.json besides, the side of the pixel blocks that the network sees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias, TypeVar

import torch
from diffusers import DDPMScheduler, UNet2DModel

from invprob.converter import require
from invprob.errors import BadWeights
from invprob.io import files, tensor_files
from invprob.prior import Prior
from invprob_dps import folder_config
from invprob_dps.folder_weights import NETWORK, network_file, read_tensors

__all__ = ["network_file", "read_folder", "write_folder"]

Model = TypeVar("Model", bound=Prior)
Make: TypeAlias = Callable[[UNet2DModel, DDPMScheduler, int], Model]


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
    file = network_file(folder)
    inside = file.parent
    timing = folder / "scheduler" if (folder / "scheduler").is_dir() else folder
    place = folder / "model_index.json"
    index = folder_config.read_json(place) if place.is_file() else {}
    folder_config.check_pipeline(folder, index)
    told = folder_config.read_json(inside / "config.json")
    patch = index.get("patch", 1)
    arguments = folder_config.network(folder, told, patch)
    times = folder_config.read_json(timing / "scheduler_config.json")
    if not file.is_file():
        raise BadWeights(
            f"{folder} holds no {NETWORK}",
            "give a folder that diffusers wrote, with safetensors or a .bin file",
        )
    tensors = read_tensors(file, expected)
    try:
        scheduler = folder_config.scheduler(folder, times, index)
        folder_config.check_variances(folder, arguments, times)
        with torch.device("meta"):  # draws and fills nothing
            net = UNet2DModel(**arguments)
        shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
        passing = {name for name, _ in net.named_buffers()} - shapes.keys()
    except BadWeights:
        raise
    except Exception as error:  # diffusers raises a dozen unrelated classes
        reason = str(error).split("\n")[0]
        raise BadWeights(f"{folder} describes no pixel diffusion: {reason}", "") from None
    if passing:
        raise BadWeights(
            f"the network of {folder} computes with {min(passing)}, which no file holds",
            "needed are blocks of types that DDPM is made of",
        )
    try:
        require(shapes, tensors, "UNet2DModel")
    except BadWeights as fault:
        raise BadWeights(
            f"weights of {folder} do not fit its config: {fault.message}", fault.hint
        ) from None
    net.load_state_dict(tensors, assign=True)
    return make(net.eval(), scheduler, patch)


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
