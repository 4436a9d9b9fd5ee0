"""Saturation: what is too bright or too dark for a sensor is clipped, after the noise.

DAPS (Zhang et al., 2024, arXiv:2407.01521) calls gain=2, pivot=0.5 "high dynamic range", and adds
the noise after the clipping, of which a likelihood knows nothing where it is clipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from torch import Tensor

from invprob.operator import Noise, Operator
from invprob.params import Configurable
from invprob_basics import sensors
from invprob_basics.sensor_params import ClipParams


class Clip(Operator, Configurable):
    """y = clip(A(x) + noise) with A(x) = pivot + gain (x − pivot), of any shape.

    Where y is clipped, the likelihood is the probability that the noise took A(x) beyond the limit.

    Args:
        image_shape: The shape of an image, or of what is measured of one.
        noise: The noise before the clipping, Gaussian or none.

    Raises:
        BadParams: If a parameter is out of its range.
        Incompatible: If the noise is not Gaussian.
    """

    params_type = ClipParams
    positional = ("gain",)
    is_sensor = True

    def __init__(
        self, *args: Any, image_shape: Sequence[int], noise: Noise | None = None, **values: Any
    ) -> None:
        super().__init__()
        p = self.params = self.read(*args, **values)
        self.in_shape = self.out_shape = tuple(image_shape)
        reach = (p.pivot * (1 - p.gain), p.pivot + p.gain * (1 - p.pivot))
        self.sensor = sensors.Saturation(p.low, p.high, reach)
        if noise is not None:
            self.noise = self.recorded(noise)

    @classmethod
    def from_params(cls, params: ClipParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(params, image_shape=in_shape)

    def recorded(self, noise: Noise) -> Noise:
        return sensors.recorded(noise, self.sensor, "clip")

    def forward(self, x: Tensor) -> Tensor:
        gain, pivot = float(self.params.gain), float(self.params.pivot)
        return pivot + gain * (x - pivot)

    def observed(self, y: Tensor) -> Tensor:
        return y
