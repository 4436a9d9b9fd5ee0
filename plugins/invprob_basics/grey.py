"""Grey: one value a pixel, as of a sensor that sees no colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from invprob.errors import BadParams
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics import shapes
from invprob_basics.imaging_params import GreyParams


class Grey(LinearOperator, Configurable):
    """A(x) = Σ_c w_c x_c, (B, C, H, W) → (B, 1, H, W): the mean of the channels, or a response w.

    `Colorize` is this with the weights of luma.

    Args:
        image_shape: The shape of an image, (C, H, W).
        noise: The noise of the measurement.

    Raises:
        BadParams: If there is not one weight for each channel, or all are 0.
    """

    params_type = GreyParams
    weights: Tensor

    def __init__(
        self, *, image_shape: Sequence[int], noise: Noise | None = None, **values: Any
    ) -> None:
        super().__init__(noise)
        params = self.read(**values)
        self.in_shape = shapes.picture("grey", image_shape)
        channels = self.in_shape[0]
        weights = params.weights or (1 / channels,) * channels
        if len(weights) != channels or not any(weights):
            raise BadParams(
                f"grey has the weights {', '.join(f'{w:g}' for w in weights)}, and images have"
                f" {channels} channels",
                "give one weight for each channel, not all of them 0",
            )
        self.out_shape = (1, *self.in_shape[1:])
        buffer = torch.tensor(weights, dtype=torch.float64)[:, None, None]
        self.register_buffer("weights", buffer)

    @classmethod
    def from_params(cls, params: GreyParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(image_shape=in_shape, **dict(params))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weights.to(x.dtype)).sum(1, keepdim=True)

    def adjoint(self, y: Tensor) -> Tensor:
        return y * self.weights.to(y.dtype)

    def pinv(self, y: Tensor) -> Tensor:
        return self.adjoint(y) / self.row_norm2

    @property
    def row_norm2(self) -> float:
        return float(self.weights.double().square().sum())
