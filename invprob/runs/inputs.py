"""What a run starts from: truths and measurements, read or drawn before anything is written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from invprob import fingerprint, seeds
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import images, survey
from invprob.io.framing import Framing
from invprob.io.images import ImageFile
from invprob.noise import NoiseToEstimate
from invprob.runs import build, measured_inputs, restored, settle
from invprob.runs.build import Parts
from invprob.runs.data import Data, names, shape_of
from invprob.runs.in_memory import InMemoryInput, Picture
from invprob.solver import Problem

SMALL = 2
"""So many times a picture is smaller than what it becomes when that is told."""

AS_IT_IS = Framing()
_log = logging.getLogger(__name__)


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
        parts, data = measured_inputs.prepare_numbers(
            experiment, registry, "measurement", given.measurement
        )
        restored.check(experiment, parts.operator, data.y)
        return parts, data
    if experiment.measurement is not None:
        return measured_inputs.prepare(experiment, registry, measured_inputs.files_of(experiment))
    files: Sequence[ImageFile | Picture]
    files = pictures(experiment) if given is None else given.pictures[: experiment.limit]
    # a picture that cannot be read is found before the models are loaded
    survey.sound(file for file in files if isinstance(file, ImageFile))
    framing = Framing.of(experiment, frozenset(file.size() for file in files))
    if settle.seeks(experiment):
        return _prepare_marked(experiment, registry, files)
    parts = build.parts(experiment, registry, shape_of(files[0].read(3)), framing)
    return parts, degraded(parts, files, framing, experiment)


def pictures(experiment: ResolvedExperiment) -> tuple[ImageFile, ...]:
    """The pictures of an experiment that has no measurement.

    Args:
        experiment: What names them; nothing stands for the bundled ones.

    Returns:
        Those that the limit of the experiment leaves.

    Raises:
        BadInput: If one is not there.
    """
    found = images.gather(experiment.images) if experiment.images else images.bundled()
    return tuple(found[: experiment.limit])


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
    parts, data = measured_inputs.prepare_numbers(experiment, registry, file.name, raw)
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
        return Data(names("measurement", len(y)), y, None)
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
