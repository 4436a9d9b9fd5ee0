"""Latent score priors as safetensors, float16, with size and stage in the metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from invprob.errors import BadWeights
from invprob.io import tensor_files
from invprob_sgilo.score.prior import LatentScore, Size


def write_prior(path: Path, net: LatentScore, stage: int, metadata: Mapping[str, object]) -> None:
    """Write the prior of a stage; `metadata` says how it was made."""
    tensors = {k: v.to(torch.float16) for k, v in net.state_dict().items()}
    about = {"kind": "latent-score", "stage": stage, "size": dataclasses.asdict(net.size)}
    tensor_files.write(path, tensors, {**metadata, **about})


def read_prior(path: Path, like: Any, stage: int, expected: str | None = None) -> LatentScore:
    """The prior of a file, in float32; it must be one of `stage` and fit latents like `like`."""
    tensors, metadata = tensor_files.read(path, expected)
    if metadata.get("kind") != "latent-score":
        raise BadWeights(f"weights {path} are no latent score prior", "see invprob train prior")
    try:
        found, size = json.loads(metadata["stage"]), Size(**json.loads(metadata["size"]))
        net = LatentScore(like, size)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadWeights(f"weights {path} describe no prior: {error}", "") from None
    if found != stage:
        raise BadWeights(
            f"prior {path} is for stage {found}, not {stage}",
            "give the prior of that stage, or choose other stages",
        )
    tensor_files.fill(net, tensors, path)
    return net
