"""Weights of the denoiser: safetensors in float16, with the architecture in the metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import torch

from invprob.errors import BadWeights
from invprob.io import tensor_files
from invprob.weights import formats
from invprob_pnp.denoiser.network import Network, Size

KIND = "denoiser"


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


def load(path: Path, expected: str | None = None) -> tuple[Network, float]:
    """Read what `save` wrote.

    Args:
        path: The file.
        expected: Its SHA-256, checked if given.

    Returns:
        The network in float32, and its least noise level in units of [0, 1].

    Raises:
        BadWeights: If the file is missing, damaged, or not a denoiser.
    """
    tensors, metadata = formats.read(path, expected)
    if metadata.get("kind") != KIND:
        raise BadWeights(
            f"weights {path} are not a denoiser", "give a file of invprob train denoiser"
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
