"""What a run starts from: truths and measurements, read or drawn before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from invprob import fingerprint, seeds
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import images
from invprob.io.images import ImageFile
from invprob.runs import build
from invprob.runs.build import Parts
from invprob.runs.in_memory import InMemoryInput, Picture
from invprob.solver import Problem


@dataclass(frozen=True)
class Data:
    """The measurements of a run.

    Attributes:
        names: A name for each of B measurements.
        y: The measurements, (B, *operator.out_shape), on the CPU.
        truth: The truth (B, C, H, W) in [0, 1]; None where it is unknown.
    """

    names: tuple[str, ...]
    y: Tensor
    truth: Tensor | None


def prepare(
    experiment: ResolvedExperiment, registry: Registry, given: InMemoryInput | None = None
) -> tuple[Parts, Data]:
    """Make the objects and the data of an experiment; every fault of the input shows here.

    Args:
        experiment: What to solve.
        registry: Where components are looked up.
        given: What stands in for the files that the experiment would name.

    Returns:
        The objects, and the measurements with their truth, on the CPU.

    Raises:
        InvprobError: If something cannot be used.
    """
    if given is not None and given.measurement is not None:
        parts = build.parts(experiment, registry, _shape(given.measurement))
        return parts, _measured("measurement", parts, given.measurement)
    if experiment.measurement is not None:
        if experiment.images:
            raise BadInput(
                "images and a measurement are given at once",
                "give images to degrade, or one --measurement that is degraded already",
            )
        raw = images.read_measurement(Path(experiment.measurement))
        parts = build.parts(experiment, registry, _shape(raw))
        return parts, _measured(Path(experiment.measurement).stem, parts, raw)
    files: Sequence[ImageFile | Picture]
    if given is not None:
        files = given.pictures
    else:
        files = images.gather(experiment.images) if experiment.images else images.bundled()
    files = files[: experiment.limit]
    parts = build.parts(experiment, registry, _shape(files[0].read(3)))
    shape = parts.generator.image_shape
    truth = read_truth(files, shape, experiment.resize, experiment.crop)
    rngs = [seeds.stream(experiment.seed, "noise", fingerprint.digest(row)) for row in truth]
    with torch.no_grad():
        y = parts.operator.measure(truth.to(parts.device), rngs).cpu()
    return parts, Data(tuple(file.name for file in files), y, truth)


def data_of(problem: Problem, truth: Sequence[ImageFile | Picture] | None) -> Data:
    """Name the measurements of a problem.

    Args:
        problem: The problem.
        truth: A picture for each measurement, in the size that the generator makes.

    Returns:
        The measurements, on the CPU.

    Raises:
        BadInput: If the pictures are of another number or size.
    """
    y = problem.measurements.cpu()
    if truth is None:
        return Data(_names("measurement", len(y)), y, None)
    if len(truth) != len(y):
        raise BadInput(
            f"truth has {len(truth)} images, the problem {len(y)} measurements", "give one for each"
        )
    pictures = read_truth(truth, problem.generator.image_shape)
    return Data(tuple(picture.name for picture in truth), y, pictures)


def read_truth(
    files: Sequence[ImageFile | Picture],
    shape: tuple[int, int, int],
    resize: bool = False,
    crop: bool = False,
) -> Tensor:
    """Read pictures of one shape.

    Args:
        files: The pictures.
        shape: (C, H, W).
        resize: Whether to resize pictures of another size.
        crop: Whether to crop them.

    Returns:
        Images (B, C, H, W) in [0, 1].

    Raises:
        BadInput: If one cannot be read, or is of another size.
    """
    each = (images.fit(file.read(shape[0]), shape, resize, crop, file.name) for file in files)
    return torch.stack(list(each))


def _names(stem: str, count: int) -> tuple[str, ...]:
    return (stem,) if count == 1 else tuple(f"{stem}-{i}" for i in range(count))


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
    return Data(_names(stem, len(y)), y.float(), None)
