"""What a run starts from: truths and measurements, read or drawn before anything is written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from invprob import fingerprint, paths, seeds
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import arrays, collection, images
from invprob.io.framing import Framing
from invprob.io.images import ImageFile
from invprob.noise import NoiseToEstimate
from invprob.operator import measured
from invprob.runs import build, image_shape, restored, settle
from invprob.runs.build import Parts
from invprob.runs.in_memory import InMemoryInput, Picture
from invprob.runs.settle import Settled
from invprob.solver import Problem

SMALL = 2
"""So many times a picture is smaller than what it becomes when that is told."""

AS_IT_IS = Framing()
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Data:
    """The measurements of a run.

    Attributes:
        names: A name for each of B measurements.
        y: The measurements, (B, *operator.out_shape), on the CPU.
        truth: The truth (B, C, H, W) in [0, 1]; None where it is unknown.
        image_shape: (C, H, W); None where the generator or a prior knows it.
        settled: What the experiment left to the measurement.
    """

    names: tuple[str, ...]
    y: Tensor
    truth: Tensor | None
    image_shape: tuple[int, int, int] | None = None
    settled: Settled = field(default_factory=Settled)


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
        parts, data = _prepare_measured(experiment, registry, "measurement", given.measurement)
        restored.check(experiment, parts.operator, data.y)
        return parts, data
    if experiment.measurement is not None:
        if experiment.images:
            raise BadInput(
                "images and a measurement are given at once",
                "give images to degrade, or one --measurement that is degraded already",
            )
        path = paths.existing(experiment.measurement)
        raw = images.read_measurement(path, holes=True)
        parts, data = _prepare_measured(experiment, registry, collection.safe(path.stem), raw)
        picture = None if arrays.is_array(path) else ImageFile(path.name, path)
        restored.check(experiment, parts.operator, data.y, picture)
        return parts, data
    files: Sequence[ImageFile | Picture]
    if given is not None:
        files = given.pictures
    else:
        files = images.gather(experiment.images) if experiment.images else images.bundled()
    files = files[: experiment.limit]
    # a picture that cannot be read is found before the models are loaded
    framing = Framing.of(experiment, frozenset(file.size() for file in files))
    if settle.seeks(experiment):
        return _prepare_marked(experiment, registry, files)
    parts = build.parts(experiment, registry, shape_of(files[0].read(3)), framing)
    return parts, degraded(parts, files, framing, experiment)


def degraded(
    parts: Parts,
    files: Sequence[ImageFile | Picture],
    framing: Framing,
    experiment: ResolvedExperiment,
) -> Data:
    """Measure pictures; the noise of one depends on its content and not on the others.

    Args:
        parts: The objects of the experiment.
        files: The pictures.
        framing: What to do with pictures of another size.
        experiment: What the pictures are for.

    Returns:
        The measurements with their truth, on the CPU.

    Raises:
        BadInput: If a picture cannot be read, is of another size, or is to tell the noise that it
            has not got yet.
    """
    if isinstance(parts.operator.noise, NoiseToEstimate):
        raise BadInput(
            f"{experiment.noise} is estimated from a measurement, and {files[0].name} is a picture"
            " to degrade",
            "give it as --measurement if it is degraded already, or say the level of the noise",
        )
    shape = parts.generator.image_shape
    truth = read_truth(files, shape, framing)
    rngs = [seeds.stream(experiment.seed, "noise", fingerprint.digest(row)) for row in truth]
    with torch.no_grad():
        y = parts.operator.measure(truth.to(parts.device), rngs).cpu()
    for file, row in zip(files, y, strict=True):
        restored.check(experiment, parts.operator, row[None], file)
    return Data(tuple(file.name for file in files), y, truth, shape)


def _prepare_marked(
    experiment: ResolvedExperiment, registry: Registry, files: Sequence[ImageFile | Picture]
) -> tuple[Parts, Data]:
    """A picture in which holes are marked: it was measured elsewhere, and has no truth."""
    file = files[0]
    if len(files) > 1:
        raise BadInput(
            f"the mask is found in one picture, and {len(files)} are given", "solve them one by one"
        )
    if isinstance(file, Picture):
        raw, marked = file.image, None
    else:
        if file.member is not None:
            raise BadInput(
                f"{file.label} is in a zip file", "unpack the picture whose mask is found"
            )
        raw, marked = images.read_measurement(file.path, holes=True), str(file.path)
    _log.info("%s: what is not marked is measured; there is no truth to compare with", file.name)
    parts, data = _prepare_measured(experiment, registry, file.name, raw)
    restored.check(experiment, parts.operator, data.y, file)
    return parts, replace(data, settled=replace(data.settled, marked=marked))


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
    framing: Framing = AS_IT_IS,
) -> Tensor:
    """Read pictures of one shape.

    Args:
        files: The pictures.
        shape: (C, H, W).
        framing: What to do with pictures of another size.

    Returns:
        Images (B, C, H, W) in [0, 1].

    Raises:
        BadInput: If one cannot be read, or is of another size.
    """
    small = []
    read = []
    for file in files:
        image = file.read(shape[0])
        if image.shape[1] * SMALL <= shape[1] and image.shape[2] * SMALL <= shape[2]:
            small.append(f"{file.name} ({image.shape[2]}×{image.shape[1]})")
        read.append(framing.picture(image, shape[1:], file.name))
    if small:
        few = ", ".join(small[:3]) + (", …" if len(small) > 3 else "")
        _log.warning("enlarged to %d×%d pixels: %s", shape[2], shape[1], few)
    return torch.stack(read)


def _names(stem: str, count: int) -> tuple[str, ...]:
    return (stem,) if count == 1 else tuple(f"{stem}-{i}" for i in range(count))


def shape_of(picture: Tensor) -> tuple[int, int, int] | None:
    """Tell the shape of a picture.

    Args:
        picture: Any tensor.

    Returns:
        (C, H, W); None for what is not a picture.
    """
    return tuple(picture.shape[-3:]) if picture.dim() >= 3 else None  # type: ignore[return-value]


def _prepare_measured(
    experiment: ResolvedExperiment, registry: Registry, stem: str, raw: Tensor
) -> tuple[Parts, Data]:
    shape = shape_of(raw)
    framing = Framing.of(experiment, frozenset([shape[1:]] if shape else []))
    behind = image_shape.behind(experiment, registry, shape) if shape else None
    parts = build.parts(experiment, registry, behind, framing, raw)
    y = _measured(stem, parts, raw, framing)
    parts, noise = settle.noise(experiment, registry, parts, y)
    measured.check_numbers(y)
    settled = Settled(noise, settle.found(parts.operator))
    size = parts.generator.image_shape
    return parts, Data(_names(stem, len(y)), y, None, size, settled)


def _measured(stem: str, parts: Parts, raw: Tensor, framing: Framing) -> Tensor:
    """A measurement given as a picture (C, h, w), or as numbers in the operator's own shape."""
    A, name = parts.operator, type(parts.operator).__name__
    shape, pictures = tuple(A.out_shape), A.picture_shape
    batched = raw if raw.dim() == len(shape) + 1 and raw.shape[1:] == shape else raw[None]
    if batched.shape[1:] == shape:
        y = batched
    else:
        rows = raw if raw.dim() == 4 else raw[None]
        if rows.dim() != 4 or rows.shape[1] not in (1, 3):
            measured.refuse_shape(tuple(raw.shape), shape, name.lower())
        if pictures is not None:
            rows = torch.stack(
                [framing.picture(row, (pictures[1], pictures[2]), stem) for row in rows]
            )
        y = A.from_picture(rows.to(parts.device)).cpu()
    return y.float()
