"""Networks of diffusers, built from a config without drawing or filling anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from invprob.converter import require
from invprob.errors import BadWeights

Network = TypeVar("Network", bound=nn.Module)


def blank(
    kind: type[Network], arguments: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Network:
    """A network of a class of diffusers without numbers, on the meta device.

    Args:
        kind: The class.
        arguments: What its config says.
        tensors: All of its tensors, by name.

    Returns:
        The network.

    Raises:
        ValueError: If it has more layers than there are tensors; diffusers raises a dozen other
            classes.
    """
    layers = arguments.get("layers_per_block", 1) * len(arguments.get("block_out_channels", ()))
    if layers > len(tensors):
        raise ValueError(f"it has {layers} layers and {len(tensors)} tensors")
    with torch.device("meta"):
        return kind(**arguments)


def built(
    kind: type[Network],
    arguments: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    folder: Path,
    what: str,
) -> Network:
    """A network of a class of diffusers with given tensors.

    Args:
        kind: The class.
        arguments: What its config says.
        tensors: All of its tensors, by name.
        folder: For messages.
        what: What messages call the model.

    Returns:
        The network, in evaluation mode; it keeps the tensors.

    Raises:
        BadWeights: If the config describes no such network, or the tensors are not its own.
    """
    try:
        net = blank(kind, arguments, tensors)
        shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
        passing = {name for name, _ in net.named_buffers()} - shapes.keys()
    except Exception as error:  # diffusers raises a dozen unrelated classes
        reason = str(error).split("\n")[0]
        raise BadWeights(f"{folder} describes no {what}: {reason}", "") from None
    if passing:
        raise BadWeights(
            f"the network of {folder} computes with {min(passing)}, which no file holds",
            "needed are blocks of types that DDPM is made of",
        )
    try:
        require(shapes, tensors, kind.__name__)
    except BadWeights as fault:
        raise BadWeights(
            f"weights of {folder} do not fit its config: {fault.message}", fault.hint
        ) from None
    net.load_state_dict(tensors, assign=True)
    return net.eval()
