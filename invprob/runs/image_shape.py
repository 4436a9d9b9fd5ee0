"""The shape of the image behind a measured picture, from the operators that measured it."""

from __future__ import annotations

from invprob.config.experiment import Experiment
from invprob.config.registry import Registry
from invprob.params import OperatorParams

Shape = tuple[int, int, int]
"""(C, H, W)."""


def behind(experiment: Experiment, registry: Registry, measured: Shape) -> Shape:
    """Tell what shape of image gives a measured picture.

    Args:
        experiment: What names the operators.
        registry: Where they are looked up.
        measured: The shape of the picture.

    Returns:
        The shape of the image; an operator whose parameters do not say it keeps the shape.

    Raises:
        InvprobError: If an operator is unknown, or a parameter is.
    """
    shape = measured
    for spec in reversed(experiment.operator):
        params = registry.find("operator", spec.name).params().parse(spec.params, spec.name)
        if isinstance(params, OperatorParams):
            shape = params.image_shape(shape)
    return shape
