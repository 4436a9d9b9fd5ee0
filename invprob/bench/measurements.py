"""Measurements of a suite: drawn once from their own seed streams, stored, named by content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from invprob import fingerprint, paths, seeds
from invprob.config import input_files
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadWeights
from invprob.io import checksums, tensor_files
from invprob.io.json_text import dumps
from invprob.runs import build


@dataclass(frozen=True)
class Measured:
    """One image, measured once, and read anew each time: a suite may have more than fit in memory.

    Attributes:
        sha256: The SHA-256 of image and measurement.
        read: Gives the image, (C, H, W) in [0, 1], and the measurement, in the shape that the
            operator gives.
    """

    sha256: str
    read: Callable[[], tuple[Tensor, Tensor]]

    def pack(self) -> bytes:
        """The two tensors, for a worker that shares no disk."""
        truth, y = self.read()
        return save({"truth": truth, "y": y})


def unpack(data: bytes) -> tuple[Tensor, Tensor]:
    """Take apart what `Measured.pack` made.

    Args:
        data: The bytes.

    Returns:
        The truth (C, H, W) and the measurement y.
    """
    tensors = load(data)
    return tensors["truth"], tensors["y"]


def measure(
    folder: Path,
    experiment: ResolvedExperiment,
    registry: Registry,
    truth: Tensor,
    code: dict[str, str],
) -> Measured:
    """Measure an image, or read the measurement that was drawn before.

    A damaged file is drawn again.

    Args:
        folder: Where measurements are stored.
        experiment: The experiment, with operator, noise and seed.
        registry: The components.
        truth: The image, (C, H, W) in [0, 1].
        code: Versions and digests of the sources that the measurement depends on, by name.

    Returns:
        The measurement.
    """
    read = [
        checksums.sha256(paths.existing(path))
        for kind, path in input_files.of_components(experiment, registry)
        if kind in ("operator", "noise")
    ]
    told: dict[str, Any] = {
        "truth": hashlib.sha256(truth.contiguous().numpy().tobytes()).hexdigest(),
        "operator": [spec.model_dump(mode="json") for spec in experiment.operator],
        "noise": experiment.noise.model_dump(mode="json"),
        "seed": experiment.seed,
        "code": code,
    }
    if read:  # a mask under the same path may be another one today
        told["files"] = read
    name = hashlib.sha256(dumps(told, sort_keys=True).encode()).hexdigest()[:32]
    path = folder / f"{name}.safetensors"
    if path.is_file() and (sha256 := _whole(path)) is not None:
        return Measured(sha256, partial(_read, path))
    shape = tuple(truth.shape)
    A = build.operator(experiment, registry, shape, torch.device("cpu"))
    rng = seeds.stream(experiment.seed, "noise", fingerprint.digest(truth))
    with torch.no_grad():
        (y,) = A.measure(truth[None], [rng])
    sha256 = _digest(truth, y)
    folder.mkdir(parents=True, exist_ok=True)
    tensor_files.write(path, {"truth": truth, "y": y}, {"sha256": sha256, "of": told})
    return Measured(sha256, partial(_read, path))


def _read(path: Path) -> tuple[Tensor, Tensor]:
    tensors, _ = tensor_files.read(path)
    return tensors["truth"], tensors["y"]


def _whole(path: Path) -> str | None:
    """The SHA-256 of a stored measurement; None if a bit of it is another or missing."""
    try:
        tensors, metadata = tensor_files.read(path)
        sha256 = str(metadata["sha256"])
        return sha256 if _digest(tensors["truth"], tensors["y"]) == sha256 else None
    except (BadWeights, KeyError):
        return None


def _digest(*tensors: Tensor) -> str:
    told = hashlib.sha256()
    for tensor in tensors:
        told.update(repr(tuple(tensor.shape)).encode() + tensor.contiguous().numpy().tobytes())
    return told.hexdigest()
