"""StyleGAN-2 weights as safetensors, float16, with the architecture in the metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import torch

from invprob.errors import BadWeights
from invprob.io import tensor_files
from invprob.weights import formats
from invprob_sgilo.stylegan2.network import Architecture, StyleGAN2


def save_weights(path: Path, generator: StyleGAN2, metadata: Mapping[str, object]) -> None:
    """Write the generator; `metadata` says how it was made."""
    tensors = {k: v.to(torch.float16) for k, v in generator.state_dict().items()}
    about = {"kind": "stylegan2", "architecture": dataclasses.asdict(generator.arch)}
    tensor_files.write(path, tensors, {**metadata, **about})


def load_weights(path: Path, expected: str | None = None) -> StyleGAN2:
    """The generator of a file of ours, or of one that is converted; raises `BadWeights`."""
    tensors, metadata = formats.read(path, expected)
    if metadata.get("kind") != "stylegan2":
        raise BadWeights(
            f"weights {path} are no StyleGAN-2",
            "give a file of invprob train generator, or one that invprob convert reads",
        )
    try:
        arch = Architecture(**json.loads(metadata["architecture"]))
        generator = StyleGAN2(arch)
    except (KeyError, TypeError, ValueError) as error:
        raise BadWeights(f"weights {path} describe no architecture: {error}", "") from None
    tensor_files.fill(generator, tensors, path)
    generator.assumed = metadata.get("assumed", "")
    return generator
