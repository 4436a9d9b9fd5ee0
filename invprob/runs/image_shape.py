"""The shape of the image behind a measured picture, from the operators that measured it."""

from __future__ import annotations

from invprob.config.experiment import Experiment
from invprob.config.registry import Registry
from invprob.errors import Incompatible
from invprob.params import OperatorParams

Shape = tuple[int, int, int]
"""(C, H, W)."""


def behind(experiment: Experiment, registry: Registry, measured: Shape) -> Shape | None:
    """Tell what shape of image gives a measured picture.

    Args:
        experiment: What names the operators.
        registry: Where they are looked up.
        measured: The shape of the picture.

    Returns:
        The shape of the image; an operator whose parameters do not say it keeps the shape. None
        where a measurement does not tell it.

    Raises:
        InvprobError: If an operator is unknown, or a parameter is.
    """
    shape: Shape | None = measured
    for spec in reversed(experiment.operator):
        params = registry.find("operator", spec.name).params().parse(spec.params, spec.name)
        if shape is not None and isinstance(params, OperatorParams):
            shape = params.image_shape(shape)
    return shape


def told(shape: Shape | None) -> Shape:
    """Refuse to work without a generator on images of an unknown shape.

    Args:
        shape: The shape, where it is known.

    Returns:
        The shape.

    Raises:
        Incompatible: If it is not known.
    """
    if shape is None:
        raise Incompatible(
            "the size of the image is not known: there is not a generator, and the measurement does"
            " not tell it",
            "give a generator, or solve(Problem.create(y, operator)) with an operator of that size",
        )
    return shape
