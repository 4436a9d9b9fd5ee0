"""Weights of the denoiser: safetensors in float16, with the architecture in the metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from invprob.errors import BadWeights
from invprob.io import tensor_files
from invprob.weights import formats
from invprob_pnp.denoiser.network import Network, Size
from invprob_pnp.published.convert import KIND as PUBLISHED
from invprob_pnp.published.networks import NETWORKS
from invprob_pnp.tiles import Local

KIND = "denoiser"
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
        with torch.random.fork_rng([]):
            network = Network(Size(**fields))
        least = float(metadata["least"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadWeights(f"weights {path} describe no denoiser: {error}", "") from None
    tensor_files.fill(network, tensors, path)
    return network, least


def _published(path: Path, tensors: dict[str, Tensor], metadata: Mapping[str, str]) -> Local:
    try:
        with torch.random.fork_rng([]):
            network = NETWORKS[metadata["network"]](**json.loads(metadata["config"]))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadWeights(f"weights {path} describe no denoiser: {error}", "") from None
    tensor_files.fill(network, tensors, path)
    return network
