"""The method where none is named: photographs of other sizes go to a denoiser of photographs."""

from __future__ import annotations

from collections.abc import Sequence

from invprob.config.experiment import Experiment
from invprob.config.registry import Registry
from invprob.io import arrays, collection
from invprob.io.collection import ImageFile
from invprob.io.framing import several_sizes
from invprob.params import Spec
from invprob.runs import image_shape, measured_files
from invprob.runs.in_memory import InMemoryInput, Picture

SIZE = (64, 64)
"""The size, (H, W), of the pictures that the default generator makes."""

SOLVER = "pnp.pnp"
"""What restores pictures of other sizes, with the prior that it proposes."""


def choose(
    experiment: Experiment, registry: Registry, given: InMemoryInput | None = None
) -> tuple[Experiment, str]:
    """Choose the solver by the size of the pictures, where nothing else says it.

    Args:
        experiment: What to solve, its defaults not filled in.
        registry: Where components are looked up.
        given: What stands in for the files that the experiment would name.

    Returns:
        The experiment, and a sentence where it was changed. One that names a solver, a generator or
        a prior, or asks for pictures to be resized or cropped, stays as it is.

    Raises:
        BadInput: If a picture cannot be read, or they are of several sizes.
    """
    named = {"solver", "generator", "prior"} & experiment.model_fields_set
    offered = any(entry.full_name == SOLVER for entry in registry.of_kind("solver"))
    if named or not offered or experiment.resize or experiment.crop:
        return experiment, ""
    files = _pictures(experiment, given)
    sizes = {file.size(): file.name for file in files} or _measured(experiment, registry, given)
    if not set(sizes) - {SIZE}:
        return experiment, ""
    if len(sizes) > 1:
        few = ", ".join(f"{name} ({w}×{h})" for (h, w), name in list(sizes.items())[:3])
        raise several_sizes(few)
    ((height, width), name) = next(iter(sizes.items()))
    chosen = experiment.model_copy(update={"solver": Spec(name=SOLVER)})
    return chosen, (
        f"{name} is {width}×{height} pixels: pnp restores it with the prior photo; for the faces"
        f" of {SIZE[1]}×{SIZE[0]} pixels that sgilo knows, add --resize --crop"
    )


def _pictures(experiment: Experiment, given: InMemoryInput | None) -> Sequence[ImageFile | Picture]:
    files: Sequence[ImageFile | Picture]
    files = collection.gather(experiment.images) if given is None else given.pictures
    return files[: experiment.limit]


def _measured(
    experiment: Experiment, registry: Registry, given: InMemoryInput | None
) -> dict[tuple[int, int], str]:
    """The sizes of the images behind measurements that are pictures."""
    shapes = dict[tuple[int, ...], str]()
    if given is not None and given.measurement is not None:
        shapes[tuple(given.measurement.shape)] = "the measurement"
    elif experiment.measurement is not None:
        for file in measured_files.of(experiment.measurement, experiment.limit):
            if arrays.is_array(file.path):
                shape = tuple(arrays.read_array(file.path, holes=True).shape)
            else:
                shape = (3, *file.size())
            shapes[shape] = file.path.name
    sizes = {}
    for shape, name in shapes.items():
        if len(shape) >= 3 and shape[-3] in (1, 3):
            channels, height, width = shape[-3:]
            behind = image_shape.behind(experiment, registry, (channels, height, width))
            if behind is not None:
                sizes[behind[1:]] = name
    return sizes
