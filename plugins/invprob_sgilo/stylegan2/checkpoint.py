"""StyleGAN-2 weights as safetensors, float16, with the architecture in the metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from invprob.errors import BadWeights
from invprob.generator import Generator
from invprob.io import tensor_files
from invprob.weights import formats
from invprob_sgilo.stylegan2.network import Architecture

Net = TypeVar("Net", bound=Generator)


def save_weights(
    path: Path, arch: Architecture, weights: Mapping[str, Tensor], metadata: Mapping[str, object]
) -> None:
    """Write the weights of a generator.

    Args:
        path: The file.
        arch: Its architecture.
        weights: Its state dict, kept as float16.
        metadata: How it was made.
    """
    tensors = {k: v.to(torch.float16) for k, v in weights.items()}
    about = {"kind": "stylegan2", "architecture": dataclasses.asdict(arch)}
    tensor_files.write(path, tensors, {**metadata, **about})


def load_weights(
    path: Path, make: Callable[[Architecture], Net], expected: str | None = None
) -> Net:
    """The generator of a file of ours, or of one that is converted.

    Args:
        path: The file.
        make: What makes a generator of the architecture that the file tells.
        expected: The SHA-256 of the file, checked if given.

    Returns:
        What `make` made, filled with the weights.

    Raises:
        BadWeights: If the file is missing, damaged or not a StyleGAN-2.
    """
    tensors, metadata = formats.read(path, expected)
    if metadata.get("kind") != "stylegan2":
        raise BadWeights(
            f"weights {path} are not a StyleGAN-2",
            "give a file of invprob train generator, or one that invprob convert reads",
        )
    try:
        generator = make(Architecture(**json.loads(metadata["architecture"])))
    except (KeyError, TypeError, ValueError) as error:
        raise BadWeights(f"weights {path} describe no architecture: {error}", "") from None
    tensor_files.fill(generator, tensors, path)
    generator.assumed = metadata.get("assumed", "")
    return generator
