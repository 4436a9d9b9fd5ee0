"""Pixel diffusion models as folders of diffusers: configs as JSON, weights as safetensors.

Read are both layouts of the hub, ``unet/`` with ``scheduler/``, and all files in one folder. Ours
have ``patch`` in model_index.json besides, the side of the pixel blocks that the network sees.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch import nn

from invprob.errors import BadWeights
from invprob.io import tensor_files

Model = TypeVar("Model", bound=nn.Module)
Make: TypeAlias = Callable[[UNet2DModel, DDPMScheduler, int], Model]

NETWORK = "diffusion_pytorch_model.safetensors"


def network_file(folder: Path) -> Path:
    """Where the weights of a folder lie.

    Args:
        folder: A folder of diffusers, of either layout.
    """
    return (folder / "unet" if (folder / "unet").is_dir() else folder) / NETWORK


def read_folder(folder: Path, make: Make[Model], expected: str | None = None) -> Model:
    """The model of a folder, in float32.

    Args:
        folder: The folder.
        make: What makes a model of its network, its scheduler and its patch.
        expected: The SHA-256 of its weights file, checked if given.

    Returns:
        What `make` made.

    Raises:
        BadWeights: If a file is missing or damaged, or the network of another kind.
    """
    file = network_file(folder)
    inside = file.parent
    timing = folder / "scheduler" if (folder / "scheduler").is_dir() else folder
    if not file.is_file():
        raise BadWeights(
            f"{folder} holds no {NETWORK}",
            "give a folder that diffusers wrote with safetensors; .bin files can run code",
        )
    tensors, _ = tensor_files.read(file, expected)  # checks the file before diffusers sees it
    del tensors
    config = _json(inside / "config.json")
    if config.get("_class_name") != "UNet2DModel":
        found = config.get("_class_name", "no class")
        raise BadWeights(
            f"the network of {folder} is {found}, not UNet2DModel",
            "a pixel diffusion without text or classes is needed",
        )
    if config.get("num_class_embeds") or config.get("class_embed_type"):
        raise BadWeights(f"the network of {folder} needs a class", "give an unconditional one")
    index = folder / "model_index.json"
    patch = _json(index).get("patch", 1) if index.is_file() else 1
    try:
        scheduler = DDPMScheduler.from_config(_betas(_json(timing / "scheduler_config.json")))
        net, found = UNet2DModel.from_pretrained(
            inside,
            use_safetensors=True,
            local_files_only=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
            torch_dtype=torch.float32,
        )
        faults = [f"{k.replace('_', ' ')}: {v[0]}" for k, v in found.items() if v]
        model = make(net, scheduler, patch)
    except BadWeights:
        raise
    except Exception as error:  # diffusers raises a dozen unrelated classes
        reason = str(error).split("\n")[0]
        raise BadWeights(f"{folder} describes no pixel diffusion: {reason}", "") from None
    if faults:
        raise BadWeights(f"weights of {folder} do not fit its config: {'; '.join(faults)}", "")
    return model


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
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    tensors = {k: v.to(torch.float16) for k, v in net.state_dict().items()}
    tensor_files.write(folder / "unet" / NETWORK, tensors, {"format": "pt"})


def _betas(config: Mapping[str, Any]) -> dict[str, Any]:
    """What any scheduler of diffusers says of β and of what is predicted; steps are our own."""
    wanted = (
        *("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas"),
        *("prediction_type", "rescale_betas_zero_snr"),
    )
    return {key: config[key] for key in wanted if key in config}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadWeights(f"{path} cannot be read: {error}", "diffusers writes one") from None
    if not isinstance(found, dict):
        raise BadWeights(f"{path} is no config", "diffusers writes one")
    return found
