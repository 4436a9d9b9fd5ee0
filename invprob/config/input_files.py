"""Look for the files that an experiment names, before torch or a model is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from invprob import paths
from invprob.config.experiment import Experiment
from invprob.config.registry import Registry


def check(experiment: Experiment, registry: Registry) -> None:
    """Look whether all files that an experiment is to read are there.

    Args:
        experiment: The experiment, its components known.
        registry: Where they are looked up.

    Raises:
        BadInput: If a picture, a measurement, a mask, a kernel, … is missing or cannot be read.
    """
    for path in _named(experiment, registry):
        paths.existing(path)


def _named(experiment: Experiment, registry: Registry) -> Iterator[str]:
    yield from experiment.images
    if experiment.measurement is not None:
        yield experiment.measurement
    for _, path in of_components(experiment, registry):
        yield path


def of_components(experiment: Experiment, registry: Registry) -> Iterator[tuple[str, str]]:
    """List the files, such as masks and kernels, that components of an experiment read.

    Args:
        experiment: The experiment, its components known.
        registry: Where they are looked up.

    Yields:
        The kind of the component, and the path that the experiment names.
    """
    for _, kind, spec, entry in experiment.entries(registry):
        for name, field in entry.params().model_fields.items():
            if paths.marked(field, paths.INPUT) and spec.params.get(name) not in (None, paths.AUTO):
                yield kind, spec.params[name]
