"""Measurements that were made elsewhere: a file, a folder of files, numbers in memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import arrays, images, survey
from invprob.io.framing import Framing
from invprob.io.images import ImageFile
from invprob.operator import measured
from invprob.runs import build, image_shape, measured_files, restored, settle
from invprob.runs.build import Parts
from invprob.runs.data import Data, names, shape_of
from invprob.runs.settle import Settled


def files_of(experiment: ResolvedExperiment) -> tuple[ImageFile, ...]:
    """Find the files of what was measured.

    Args:
        experiment: What names a file, or a folder of files with a measurement in each.

    Returns:
        The files; those of a folder with unique names, as many as the limit leaves.

    Raises:
        BadInput: If there are none, or images are given besides.
    """
    if experiment.images:
        raise BadInput(
            "images and a measurement are given at once",
            "give images to degrade, or one --measurement that is degraded already",
        )
    return measured_files.of(str(experiment.measurement), experiment.limit)


def size_of(file: ImageFile) -> tuple[int, int] | None:
    """Tell the size of a measured picture.

    Args:
        file: A file of a measurement.

    Returns:
        (height, width); None where the measurement is not a picture.
    """
    if not arrays.is_array(file.path):
        return file.size()
    shape = shape_of(images.read_measurement(file.path, holes=True))
    return None if shape is None else shape[1:]


def look(files: Sequence[ImageFile]) -> None:
    """Look whether measurements can be read, before the models are loaded.

    Args:
        files: The files of measurements.

    Raises:
        BadInput: If one is damaged.
    """
    for file in files:
        if arrays.is_array(file.path):
            arrays.read_array(file.path, holes=True)
    survey.sound(file for file in files if not arrays.is_array(file.path))


def prepare(
    experiment: ResolvedExperiment, registry: Registry, files: Sequence[ImageFile]
) -> tuple[Parts, Data]:
    """Make the objects and the data of measurements.

    Args:
        experiment: What to solve.
        registry: Where components are looked up.
        files: A file of measurements, or several with one in each.

    Returns:
        The objects, and the measurements, on the CPU.

    Raises:
        InvprobError: If something cannot be used.
    """
    look(files)
    first = images.read_measurement(files[0].path, holes=True)
    parts, data = prepare_numbers(experiment, registry, files[0].name, first)
    if len(files) == 1:
        picture = None if arrays.is_array(files[0].path) else files[0]
        restored.check(experiment, parts.operator, data.y, picture)
        return parts, data
    if settle.each_alone(experiment):
        raise BadInput(
            f"the mask or the noise is found in one measurement, and {len(files)} are given",
            "solve them one by one, or into a folder: out=…",
        )
    return parts, read(parts, files, experiment)


def read(parts: Parts, files: Sequence[ImageFile], experiment: ResolvedExperiment) -> Data:
    """Read measurements.

    Args:
        parts: The objects of the experiment.
        files: The files, with one measurement in each.
        experiment: What the measurements are for.

    Returns:
        The measurements, on the CPU.

    Raises:
        BadInput: If a file cannot be read, or holds several, or a measurement cannot be used.
    """
    rows = []
    for file in files:
        raw = images.read_measurement(file.path, holes=True)
        y = _measured(file.name, parts, raw, Framing.of(experiment))
        if len(y) > 1:
            raise BadInput(
                f"{file.path} holds {len(y)} measurements", "give it alone, or one in each file"
            )
        measured.check_numbers(y)
        picture = None if arrays.is_array(file.path) else file
        restored.check(experiment, parts.operator, y, picture)
        rows.append(y)
    names = tuple(file.name for file in files)
    return Data(names, torch.cat(rows), None, parts.generator.image_shape)


def prepare_numbers(
    experiment: ResolvedExperiment, registry: Registry, stem: str, raw: Tensor
) -> tuple[Parts, Data]:
    """Make the objects and the data of measurements that are numbers.

    Args:
        experiment: What to solve.
        registry: Where components are looked up.
        stem: What the measurements are called.
        raw: A picture (C, h, w), NaN where it is transparent, or measurements in the operator's
            shape, with or without a batch dimension.

    Returns:
        The objects, and the measurements, on the CPU.

    Raises:
        InvprobError: If something cannot be used.
    """
    shape = shape_of(raw)
    framing = Framing.of(experiment, frozenset([shape[1:]] if shape else []))
    behind = image_shape.behind(experiment, registry, shape) if shape else None
    parts = build.parts(experiment, registry, behind, framing, raw)
    y = _measured(stem, parts, raw, framing)[: experiment.limit]
    parts, noise = settle.noise(experiment, registry, parts, y)
    measured.check_numbers(y)
    settled = Settled(noise, settle.found(parts.operator))
    size = parts.generator.image_shape
    return parts, Data(names(stem, len(y)), y, None, size, settled)


def _measured(stem: str, parts: Parts, raw: Tensor, framing: Framing) -> Tensor:
    """A measurement given as a picture (C, h, w), or as numbers in the operator's own shape."""
    A, name = parts.operator, type(parts.operator).__name__
    shape, pictures = tuple(A.out_shape), A.picture_shape
    batched = raw if raw.dim() == len(shape) + 1 and raw.shape[1:] == shape else raw[None]
    if batched.shape[1:] == shape:
        y = batched
    else:
        rows = raw if raw.dim() == 4 else raw[None]
        numbers = pictures is None and len(shape) == 3  # such as a sinogram
        if numbers or rows.dim() != 4 or rows.shape[1] not in (1, 3):
            measured.refuse_shape(tuple(raw.shape), shape, name.lower())
        if pictures is not None:
            rows = torch.stack(
                [framing.picture(row, (pictures[1], pictures[2]), stem) for row in rows]
            )
        y = A.from_picture(rows.to(parts.device)).cpu()
    return y.float()
