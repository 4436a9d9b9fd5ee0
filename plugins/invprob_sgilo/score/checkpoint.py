"""Latent score priors as safetensors, float16, with size and stage in the metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from invprob.errors import BadWeights
from invprob.io import tensor_files

Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True)
class Size:
    """The transformer's size, the side of a token in feature positions, the noise schedule, the
    rank of the normal distribution beneath (0: a standard one, as in files of 0.1), and the shape
    of the components of the representation error (none: it is not known)."""

    width: int = 128
    depth: int = 4
    heads: int = 4
    patch: int = 1
    sde: str = "vp"
    rank: int = 0
    error: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "error", tuple(self.error))  # JSON has lists


def write_prior(
    path: Path,
    size: Size,
    weights: Mapping[str, Tensor],
    stage: int,
    metadata: Mapping[str, object],
) -> None:
    """Write the prior of a stage.

    Args:
        path: The file.
        size: The size of the network.
        weights: The state dict of the prior, of which floats are kept as float16.
        stage: The stage whose latents it is over.
        metadata: How it was made.
    """
    tensors = {k: v.to(torch.float16) if v.is_floating_point() else v for k, v in weights.items()}
    about = {"kind": "latent-score", "stage": stage, "size": dataclasses.asdict(size)}
    tensor_files.write(path, tensors, {**metadata, **about})


def read_prior(
    path: Path, make: Callable[[Size], Net], stage: int, expected: str | None = None
) -> Net:
    """The prior of a file, in float32.

    Args:
        path: The file.
        make: What makes a prior of the size that the file tells.
        stage: The stage that the prior must be for.
        expected: The SHA-256 of the file, checked if given.

    Returns:
        What `make` made, filled with the weights.

    Raises:
        BadWeights: If the file is missing or damaged, not a prior, or one of another stage.
    """
    tensors, metadata = tensor_files.read(path, expected)
    if metadata.get("kind") != "latent-score":
        raise BadWeights(f"weights {path} are not a latent score prior", "see invprob train prior")
    try:
        found, size = json.loads(metadata["stage"]), Size(**json.loads(metadata["size"]))
        net = make(size)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadWeights(f"weights {path} describe no prior: {error}", "") from None
    if found != stage:
        raise BadWeights(
            f"prior {path} is for stage {found}, not {stage}",
            "give the prior of that stage, or choose other stages",
        )
    tensor_files.fill(net, tensors, path)
    return net
