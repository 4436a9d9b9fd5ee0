"""Weights of the denoiser: safetensors in float16, with the architecture in the metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from invprob.errors import BadWeights, shown
from invprob.io import tensor_files
from invprob.weights import formats
from invprob_pnp.denoiser.network import Network, Size
from invprob_pnp.published.convert import KIND as PUBLISHED
from invprob_pnp.published.networks import NETWORKS
from invprob_pnp.tiles import Local

KIND = "denoiser"
HINT = "the file is damaged"
UNUSABLE = (LookupError, TypeError, ValueError, RuntimeError, ArithmeticError)
LEAST = 0.003
"""The least noise level of published denoisers, which were trained down to 0, or are not told."""


def save(path: Path, network: Network, least: float, about: Mapping[str, object]) -> None:
    """Write a denoiser.

    Args:
        path: The file.
        network: The network.
        least: The least noise level that it was trained for, in units of [0, 1].
        about: How it was made, kept beside the weights.
    """
    tensors = {k: v.to(torch.float16) for k, v in network.state_dict().items()}
    size = dataclasses.asdict(network.size)
    tensor_files.write(path, tensors, {**about, "kind": KIND, "size": size, "least": least})


def load(path: Path, expected: str | None = None) -> tuple[Local, float]:
    """Read what `save` wrote, or a denoiser that others published.

    Args:
        path: The file.
        expected: Its SHA-256, checked if given.

    Returns:
        The network in float32, and its least noise level in units of [0, 1].

    Raises:
        BadWeights: If the file is missing, damaged, or not a denoiser.
    """
    tensors, metadata = formats.read(path, expected)
    if metadata.get("kind") == PUBLISHED:
        return _published(path, tensors, metadata), LEAST
    if metadata.get("kind") != KIND:
        raise BadWeights(
            f"weights {path} are not a denoiser",
            "give a file of invprob train denoiser, or an FFDNet, a DRUNet or a BF-CNN",
        )
    try:
        fields = json.loads(metadata["size"])
        for name in ("channels", "blocks"):
            fields[name] = tuple(fields[name])
        least = float(metadata["least"])
        if not 0 < least < 1:
            raise ValueError(f"its least noise level is {least:g}, not between 0 and 1")
        _limit(fields["colours"], len(fields["channels"]) + sum(fields["blocks"]), tensors)
        with torch.device("meta"):
            network = Network(Size(**fields))
    except UNUSABLE as error:
        raise BadWeights(f"weights {path} describe no denoiser: {error}", HINT) from None
    tensor_files.fill(network, tensors, path)
    return network, least


def _published(path: Path, tensors: dict[str, Tensor], metadata: Mapping[str, str]) -> Local:
    try:
        config = json.loads(metadata["config"])
        levels = config["channels"] if isinstance(config["channels"], list) else [1]
        _limit(config["colours"], config["count"] * len(levels), tensors)
        with torch.device("meta"):
            network = NETWORKS[metadata["network"]](**config)
    except UNUSABLE as error:
        raise BadWeights(f"weights {path} describe no denoiser: {error}", HINT) from None
    tensor_files.fill(network, tensors, path)
    return network


def _limit(colours: int, layers: int, tensors: Mapping[str, Tensor]) -> None:
    """Each layer has a tensor, so that no more are made than the file can fill."""
    if colours not in (1, 3):
        raise ValueError(f"it is for images of {shown(colours)} channels")
    if layers > len(tensors):
        raise ValueError(f"it has {layers} layers and {len(tensors)} tensors")
