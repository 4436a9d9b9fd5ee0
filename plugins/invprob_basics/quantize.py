"""Quantisation: values are rounded to a few levels after the noise, one bit at the least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from invprob import seeds
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics import sensors
from invprob_basics.sensor_params import QuantizeParams


class Quantize(LinearOperator, Configurable):
    """y = Q(x + d + noise) − d: the nearest of 2^bits levels from `low` to `high`, of any shape.

    The dither d, uniform over a part of the step between levels and drawn once, is known. With a
    dither of one step the error of y does not depend on x (Schuchman, 1964, IEEE Transactions on
    Communication Technology 12), and one bit has its threshold anywhere between the two levels. The
    likelihood is the probability of all that is rounded to y, without end at the outer levels.

    Args:
        image_shape: The shape of an image, or of what is measured of one.
        seed: The seed of the dither.
        noise: The noise before the rounding, Gaussian or none.

    Raises:
        BadParams: If a parameter is out of its range.
        Incompatible: If the noise is not Gaussian.
    """

    params_type = QuantizeParams
    positional = ("bits",)
    is_sensor = True

    def __init__(
        self,
        *args: Any,
        image_shape: Sequence[int],
        seed: int = 0,
        noise: Noise | None = None,
        **values: Any,
    ) -> None:
        super().__init__()
        p = self.read(*args, **values)
        self.in_shape = self.out_shape = tuple(image_shape)
        last = 2**p.bits - 1
        step = torch.tensor((p.high - p.low) / last, dtype=torch.float64)
        draw = torch.rand(self.out_shape, generator=seeds.stream(seed, "dither"))
        zero = p.low - p.dither * step * (draw.double() - 0.5)
        self.sensor = sensors.Rounding(step, zero, last)
        if noise is not None:
            self.noise = self.recorded(noise)

    @classmethod
    def from_params(cls, params: QuantizeParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(params, image_shape=in_shape, seed=seed)

    def recorded(self, noise: Noise) -> Noise:
        return sensors.recorded(noise, self.sensor, "quantize")

    def forward(self, x: Tensor) -> Tensor:
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        return y

    def pinv(self, y: Tensor) -> Tensor:
        return y

    @property
    def row_norm2(self) -> float:
        return 1.0

    def observed(self, y: Tensor) -> Tensor:
        return y
