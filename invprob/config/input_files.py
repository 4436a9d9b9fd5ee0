"""Look for the files that parameters name, before torch or a model is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from invprob import paths
from invprob.config.experiment import Experiment
from invprob.config.registry import Registry
from invprob.params import Params


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


def check_params(params: Params) -> None:
    """Look whether all files that parameters, such as those of a trainer, name are there.

    Args:
        params: The parameters.

    Raises:
        BadInput: If one is missing or cannot be read.
    """
    for path in _of_model(type(params), dict(params)):
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
        for path in _of_model(entry.params(), spec.params):
            yield kind, path


def _of_model(model: type[Params], values: Mapping[str, Any]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if paths.marked(field, paths.INPUT) and values.get(name) not in (None, paths.AUTO):
            yield values[name]
