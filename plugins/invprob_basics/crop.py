"""Crop: a window of the image is measured, and what lies around it is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from torch import Tensor
from torch.nn import functional as F

from invprob.errors import BadParams
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics import shapes
from invprob_basics.imaging_params import CropParams, pair


class Crop(LinearOperator, Configurable):
    """A(x) is a window of x, a picture (C, h, w); a picture that holds one has the size of x.

    `size` and `at` are texts ``"24x32"`` or pairs (rows, columns).

    Args:
        image_shape: The shape of an image, (C, H, W).
        noise: The noise of the measurement.

    Raises:
        BadParams: If the window is empty, or not within the image.
    """

    params_type = CropParams
    positional = ("size",)

    def __init__(
        self, *args: Any, image_shape: Sequence[int], noise: Noise | None = None, **values: Any
    ) -> None:
        super().__init__(noise)
        params = self.read(*args, **values)
        channels, height, width = self.in_shape = shapes.picture("crop", image_shape)
        h, w = pair(params.size) or ((height + 1) // 2, (width + 1) // 2)
        row, column = pair(params.at) or ((height - h) // 2, (width - w) // 2)
        if h == 0 or w == 0 or min(row, column) < 0 or row + h > height or column + w > width:
            raise BadParams(
                f"a window of {h}x{w} at row {row}, column {column} is not within"
                f" {height}x{width} pixels",
                "make it smaller, or place it with at=ROWxCOLUMN",
            )
        self.out_shape = (channels, h, w)
        self.margins = (column, width - column - w, row, height - row - h)

    @classmethod
    def from_params(cls, params: CropParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(params, image_shape=in_shape)

    def forward(self, x: Tensor) -> Tensor:
        left, _, top, _ = self.margins
        _, h, w = self.out_shape
        return x[:, :, top : top + h, left : left + w]

    def adjoint(self, y: Tensor) -> Tensor:
        return F.pad(y, self.margins)

    def pinv(self, y: Tensor) -> Tensor:
        return self.adjoint(y)

    @property
    def row_norm2(self) -> float:
        return 1.0

    def observed(self, y: Tensor) -> Tensor:
        # what is missing is mid grey
        return F.pad(y, self.margins, value=0.5)

    @property
    def picture_shape(self) -> tuple[int, ...]:
        return self.in_shape

    def from_picture(self, picture: Tensor) -> Tensor:
        y: Tensor = self(super().from_picture(picture))
        return y
