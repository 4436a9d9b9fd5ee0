"""JPEG (ITU-T T.81, 1992): the coefficients of 8×8 cosine transforms are rounded.

Colours become luma and two differences (JFIF), the differences may be averaged over 2×2 pixels,
borders are continued by their last pixel, and the standard tables are scaled as libjpeg does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob.errors import Incompatible
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics import sensors, shapes
from invprob_basics.sensor_params import JPEGParams

LUMA = """
    16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
    18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101
    72 92 95 98 112 100 103 99
"""
CHROMA = """
    17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99
    99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99
"""
"""The tables K.1 and K.2 of the standard, row by row."""

YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
WHITE = 255.0


class JPEG(LinearOperator, Configurable):
    """A(x) holds the coefficients of luma and, for colours, of the two differences, (B, n).

    y is A(x) + noise rounded to the steps of the tables. The likelihood is the probability of the
    interval that is rounded to y. For the noise `none` it is that of the set of all images with
    this file, blurred by the `tolerance`: the stand-in for the rounding by which solvers descend.
    Coefficients are in units of [0, 1], and their noise is white: for grey images that of white
    noise of pixels.

    Args:
        image_shape: The shape of an image, (1 or 3, H, W).
        noise: The noise of the coefficients, Gaussian or none.

    Raises:
        BadParams: If a parameter is out of its range.
        Incompatible: If images have other channels, or the noise is not Gaussian.
    """

    params_type = JPEGParams
    positional = ("quality",)
    is_sensor = True
    colours: Tensor
    cosines: Tensor

    def __init__(
        self, *args: Any, image_shape: Sequence[int], noise: Noise | None = None, **values: Any
    ) -> None:
        super().__init__()
        params = self.read(*args, **values)
        channels, height, width = self.in_shape = shapes.picture("jpeg", image_shape)
        if channels not in (1, 3):
            raise Incompatible(
                f"jpeg takes images of 1 or 3 channels, not {channels}", "use grey or RGB images"
            )
        self.factor = 2 if params.subsampling == "420" and channels == 3 else 1
        unit = 8 * self.factor
        self.padded = (-(-height // unit) * unit, -(-width // unit) * unit)
        planes = [self.padded] + [tuple(n // self.factor for n in self.padded)] * (channels - 1)
        self.planes = [(rows, columns) for rows, columns in planes]
        self.out_shape = (sum(rows * columns for rows, columns in self.planes),)
        tables = [LUMA, *[CHROMA] * (channels - 1)]
        steps = [table(text, params.quality) for text in tables]
        step = torch.cat([_tiled(s, p) for s, p in zip(steps, self.planes, strict=True)])
        # the level that is subtracted from luma, 128 of 255, is 8 · 128 in its mean coefficient
        middle = torch.zeros(8, 8, dtype=torch.float64)
        middle[0, 0] = 8 * 128
        levels = [middle, *[0 * middle] * (channels - 1)]
        zero = torch.cat([_tiled(z, p) for z, p in zip(levels, self.planes, strict=True)])
        self.sensor = sensors.Rounding(step / WHITE, zero / WHITE)
        self.register_buffer("colours", torch.tensor(YCBCR, dtype=torch.float64))
        self.register_buffer("cosines", cosines())
        if noise is not None:
            self.noise = self.recorded(noise)

    @classmethod
    def from_params(cls, params: JPEGParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(params, image_shape=in_shape)

    def recorded(self, noise: Noise) -> Noise:
        return sensors.recorded(noise, self.sensor, "jpeg")

    def forward(self, x: Tensor) -> Tensor:
        channels, height, width = self.in_shape
        if channels == 3:
            x = torch.einsum("dc,bchw->bdhw", self.colours.to(x.dtype), x)
        down, right = self.padded[0] - height, self.padded[1] - width
        x = F.pad(x, (0, right, 0, down), mode="replicate")
        rest = x[:, 1:]
        if self.factor == 2 and channels == 3:
            rest = F.avg_pool2d(rest, 2)
        planes = [x[:, 0], *rest.unbind(1)]
        return torch.cat([self._blocks(plane, self.cosines).flatten(1) for plane in planes], 1)

    def _blocks(self, plane: Tensor, matrix: Tensor) -> Tensor:
        """M B Mᵀ of every 8×8 block B of planes (B, rows, columns)."""
        batch, rows, columns = plane.shape
        m = matrix.to(plane.dtype)
        blocks = plane.reshape(batch, rows // 8, 8, columns // 8, 8)
        return torch.einsum("ui,brice,ve->brucv", m, blocks, m).reshape(plane.shape)

    def observed(self, y: Tensor) -> Tensor:
        # the decoded picture
        sizes = [rows * columns for rows, columns in self.planes]
        parts = [
            self._blocks(part.reshape(-1, *plane), self.cosines.T)[:, None]
            for part, plane in zip(torch.split(y, sizes, 1), self.planes, strict=True)
        ]
        if self.factor == 2:
            parts[1:] = [F.interpolate(part, scale_factor=2.0) for part in parts[1:]]
        _, height, width = self.in_shape
        x = torch.cat(parts, 1)[:, :, :height, :width]
        if x.shape[1] == 3:
            back = torch.linalg.inv(self.colours.double().cpu()).to(x)
            x = torch.einsum("dc,bchw->bdhw", back, x)
        return x.clamp(0, 1)

    @property
    def picture_shape(self) -> tuple[int, ...]:
        return self.in_shape

    def from_picture(self, picture: Tensor) -> Tensor:
        # compressed once more, the decoded picture has the same coefficients but for its clipping
        return self.sensor.record(self(super().from_picture(picture)))


def cosines() -> Tensor:
    """The orthonormal matrix (8, 8) of the cosine transform, float64."""
    k = torch.arange(8, dtype=torch.float64)
    matrix = torch.cos(math.pi / 8 * (k[None] + 0.5) * k[:, None]) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


def table(text: str, quality: int) -> Tensor:
    """The steps of a standard table at a quality.

    Args:
        text: The 64 steps at quality 50, row by row.
        quality: From 1 to 100, as libjpeg scales them.

    Returns:
        (8, 8), whole numbers from 1 to 255, float64.
    """
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps = [min(max((int(word) * scale + 50) // 100, 1), 255) for word in text.split()]
    return torch.tensor(steps, dtype=torch.float64).reshape(8, 8)


def _tiled(block: Tensor, plane: tuple[int, int]) -> Tensor:
    """One 8×8 block in the place of all blocks of a plane, flat."""
    return block.repeat(plane[0] // 8, plane[1] // 8).flatten()
