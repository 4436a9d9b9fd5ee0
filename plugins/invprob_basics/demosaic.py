"""Demosaicing: a sensor behind a colour filter array measures one colour a pixel (Bayer, 1976)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from invprob.errors import Incompatible
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics import shapes
from invprob_basics.imaging_params import DemosaicParams


class Demosaic(LinearOperator, Configurable):
    """A(x) is the mosaic, (B, 3, H, W) → (B, 1, H, W): of each pixel the colour of its filter.

    Args:
        image_shape: The shape of an image, (3, H, W).
        noise: The noise of the measurement.

    Raises:
        Incompatible: If images do not have three channels.
    """

    params_type = DemosaicParams
    positional = ("pattern",)
    mask: Tensor

    def __init__(
        self, *args: Any, image_shape: Sequence[int], noise: Noise | None = None, **values: Any
    ) -> None:
        super().__init__(noise)
        params = self.read(*args, **values)
        channels, height, width = self.in_shape = shapes.picture("demosaic", image_shape)
        if channels != 3:
            raise Incompatible(
                f"demosaic needs images of 3 channels, not {channels}", "use an RGB generator"
            )
        self.out_shape = (1, height, width)
        mask = torch.zeros(3, height, width)
        for i, colour in enumerate(params.pattern):
            mask["RGB".index(colour), i // 2 :: 2, i % 2 :: 2] = 1
        self.register_buffer("mask", mask)

    @classmethod
    def from_params(cls, params: DemosaicParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(params, image_shape=in_shape)

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.mask.to(x.dtype)).sum(1, keepdim=True)

    def adjoint(self, y: Tensor) -> Tensor:
        return y * self.mask.to(y.dtype)

    def pinv(self, y: Tensor) -> Tensor:
        return self.adjoint(y)

    @property
    def row_norm2(self) -> float:
        return 1.0

    def observed(self, y: Tensor) -> Tensor:
        # every pixel in the colour of its filter
        return self.adjoint(y)

    def from_picture(self, picture: Tensor) -> Tensor:
        if picture.dim() == 4 and picture.shape[1] == 3:  # as `observed` draws it
            picture = self(picture) if picture.shape[2:] == self.mask.shape[1:] else picture
        return super().from_picture(picture)
