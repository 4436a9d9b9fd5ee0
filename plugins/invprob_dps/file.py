"""Pixel diffusion models in one safetensors file, the configs of diffusers in its metadata."""

from __future__ import annotations

import json
from pathlib import Path

from diffusers import DDPMScheduler, UNet2DModel
from diffusers.models.attention_processor import Attention

from invprob.errors import BadWeights, InvprobError
from invprob.io import tensor_files
from invprob.weights import formats
from invprob_dps import networks, scheduler_config
from invprob_dps.folder import Make, Model


def read_file(path: Path, make: Make[Model], expected: str | None = None) -> Model:
    """The model of a file of ours, or of one that is converted, in float32.

    No parameter keeps a value that is not of the file.

    Args:
        path: The file.
        make: What makes a model of its network, its scheduler and its patch, which is 1.
        expected: The SHA-256 of the file, checked if given.

    Returns:
        What `make` made.

    Raises:
        BadWeights: If the file is missing, damaged or not a pixel diffusion.
    """
    tensors, metadata = formats.read(path, expected)
    if metadata.get("kind") != "pixel-diffusion":
        raise BadWeights(
            f"weights {path} are not a pixel diffusion",
            "give a folder that diffusers wrote, or a U-Net that invprob convert reads",
        )
    try:
        net = networks.blank(UNet2DModel, json.loads(metadata["config"]), tensors)
        if "heads" in metadata:
            _divide(net, json.loads(metadata["heads"]))
        times = {**DDPMScheduler().config, **json.loads(metadata["scheduler"])}
        scheduler = scheduler_config.read(path, times, {})
        tensor_files.fill(net, tensors, path)
        model = make(net.eval(), scheduler, 1)
    except InvprobError:
        raise
    except Exception as error:  # diffusers raises a dozen unrelated classes
        reason = str(error).split("\n")[0]
        raise BadWeights(f"weights {path} describe no pixel diffusion: {reason}", "") from None
    model.assumed = metadata.get("assumed", "")
    return model


def _divide(net: UNet2DModel, heads: int) -> None:
    """Let all attention have that number of heads: diffusers knows only one width of them."""
    for module in net.modules():
        if isinstance(module, Attention):
            if module.inner_dim % heads:
                raise ValueError(f"{module.inner_dim} channels in {heads} heads")
            module.heads = heads
            module.scale = (module.inner_dim // heads) ** -0.5
