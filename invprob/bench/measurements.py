"""Measurements of a suite: drawn once from their own seed streams, stored, named by content."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor

from invprob import fingerprint, seeds
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadWeights
from invprob.io import tensor_files
from invprob.runs import build


@dataclass(frozen=True)
class Measured:
    """One image, truth (C, H, W), measured once: y (*out_shape)."""

    truth: Tensor
    y: Tensor
    sha256: str

    def pack(self) -> bytes:
        """The two tensors, for a worker that shares no disk."""
        return save({"truth": self.truth, "y": self.y})


def unpack(data: bytes) -> tuple[Tensor, Tensor]:
    """(truth, y) of `Measured.pack`."""
    tensors = load(data)
    return tensors["truth"], tensors["y"]


def measure(
    folder: Path,
    experiment: ResolvedExperiment,
    registry: Registry,
    truth: Tensor,
    code: dict[str, str],
    keep: bool = True,
) -> Measured:
    """The measurement of `truth` by the experiment's operator, noise and seed, and by that code.

    It is read from `folder` if it was drawn before; a damaged file is drawn again. What is drawn is
    written there if `keep`.
    """
    told = {
        "truth": hashlib.sha256(truth.contiguous().numpy().tobytes()).hexdigest(),
        "operator": [spec.model_dump(mode="json") for spec in experiment.operator],
        "noise": experiment.noise.model_dump(mode="json"),
        "seed": experiment.seed,
        "code": code,
    }
    name = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]
    path = folder / f"{name}.safetensors"
    if path.is_file() and (found := _read(path)) is not None:
        return found
    shape = tuple(truth.shape)
    A = build.operator(experiment, registry, shape, torch.device("cpu"))
    rng = seeds.stream(experiment.seed, "noise", fingerprint.digest(truth))
    with torch.no_grad():
        (y,) = A.measure(truth[None], [rng])
    made = Measured(truth, y, _digest(truth, y))
    if keep:
        folder.mkdir(parents=True, exist_ok=True)
        tensor_files.write(path, {"truth": truth, "y": y}, {"sha256": made.sha256, "of": told})
    return made


def _read(path: Path) -> Measured | None:
    try:
        tensors, metadata = tensor_files.read(path)
        found = Measured(tensors["truth"], tensors["y"], metadata["sha256"])
    except (BadWeights, KeyError):
        return None
    return found if _digest(found.truth, found.y) == found.sha256 else None


def _digest(*tensors: Tensor) -> str:
    told = hashlib.sha256()
    for tensor in tensors:
        told.update(repr(tuple(tensor.shape)).encode() + tensor.contiguous().numpy().tobytes())
    return told.hexdigest()
