"""What a run starts from: truths and measurements, read or drawn before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from invprob import fingerprint, seeds
from invprob.config.experiment import Experiment, complete
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import images
from invprob.io.images import ImageFile
from invprob.runs import build
from invprob.runs.build import Parts
from invprob.runs.in_memory import Given, Picture


@dataclass(frozen=True)
class Data:
    """B measurements with their names, and the truth (B, C, H, W) where it is known."""

    names: tuple[str, ...]
    y: Tensor
    truth: Tensor | None


def prepare(
    experiment: Experiment, registry: Registry, given: Given | None = None
) -> tuple[Experiment, Parts, Data]:
    """The completed experiment, its objects and its data; every fault of the input shows here."""
    experiment = complete(experiment, registry)
    if given is not None and given.measurement is not None:
        parts = build.parts(experiment, registry, _shape(given.measurement))
        return experiment, parts, _measured("measurement", parts, given.measurement)
    if experiment.measurement is not None:
        if experiment.images:
            raise BadInput(
                "images and a measurement are given at once",
                "give images to degrade, or one --measurement that is degraded already",
            )
        raw = images.read_measurement(Path(experiment.measurement))
        parts = build.parts(experiment, registry, _shape(raw))
        return experiment, parts, _measured(Path(experiment.measurement).stem, parts, raw)
    files: Sequence[ImageFile | Picture]
    if given is not None:
        files = given.pictures
    else:
        files = images.gather(experiment.images) if experiment.images else images.bundled()
    files = files[: experiment.limit]
    parts = build.parts(experiment, registry, _shape(files[0].read(3)))
    shape = parts.generator.image_shape
    pictures = [
        images.fit(file.read(shape[0]), shape, experiment.resize, experiment.crop, file.name)
        for file in files
    ]
    truth = torch.stack(pictures)
    rngs = [seeds.stream(experiment.seed, "noise", fingerprint.digest(row)) for row in truth]
    with torch.no_grad():
        y = parts.operator.measure(truth.to(parts.device), rngs).cpu()
    return experiment, parts, Data(tuple(file.name for file in files), y, truth)


def _shape(picture: Tensor) -> tuple[int, int, int] | None:
    return tuple(picture.shape[-3:]) if picture.dim() >= 3 else None  # type: ignore[return-value]


def _measured(stem: str, parts: Parts, raw: Tensor) -> Data:
    """A measurement given as a picture (C, h, w), or as numbers in the operator's own shape."""
    shape = parts.operator.out_shape
    batched = raw if raw.dim() == len(shape) + 1 and raw.shape[1:] == shape else raw[None]
    if batched.shape[1:] == shape:
        y = batched
    else:
        y = parts.operator.from_picture(batched.to(parts.device)).cpu()
    names = (stem,) if len(y) == 1 else tuple(f"{stem}-{i}" for i in range(len(y)))
    return Data(names, y.float(), None)
