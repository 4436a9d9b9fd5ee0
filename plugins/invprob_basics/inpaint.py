"""Inpainting: some pixels are measured, all channels of each; the others are missing."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from invprob import seeds
from invprob.errors import BadInput, BadParams
from invprob.io import images
from invprob.operator import LinearOperator
from invprob_basics.params import InpaintParams
from invprob_basics.shapes import check_picture


class Inpaint(LinearOperator):
    """A(x) holds the measured values only, as a vector of C·m numbers for m measured pixels."""

    index: Tensor

    def __init__(self, params: InpaintParams, in_shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        check_picture("inpaint", in_shape)
        mask = measured(params, in_shape[1:], seed)
        index = mask.flatten().nonzero()[:, 0]
        self.in_shape = in_shape
        self.out_shape = (in_shape[0] * len(index),)
        self.register_buffer("index", index)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2)[:, :, self.index].flatten(1)

    def adjoint(self, y: Tensor) -> Tensor:
        channels, height, width = self.in_shape
        x = y.new_zeros(len(y), channels, height * width)
        x[:, :, self.index] = y.reshape(len(y), channels, -1)
        return x.reshape(-1, *self.in_shape)

    def pinv(self, y: Tensor) -> Tensor:
        return self.adjoint(y)

    def observed(self, y: Tensor) -> Tensor:
        """The picture with its holes in mid grey."""
        hole = 1 - self.adjoint(torch.ones_like(y))
        return self.adjoint(y) + 0.5 * hole

    def from_picture(self, picture: Tensor) -> Tensor:
        channels, height, width = self.in_shape
        if picture.shape[1] == 1 and channels == 3:
            picture = picture.expand(-1, 3, -1, -1)
        if tuple(picture.shape[1:]) != self.in_shape:
            raise BadInput(
                f"the measurement is {picture.shape[3]}×{picture.shape[2]} pixels, the generator"
                f" makes {width}×{height}",
                f"give a picture of {width}×{height} pixels",
            )
        y: Tensor = self(picture)
        return y


def measured(params: InpaintParams, size: tuple[int, int], seed: int) -> Tensor:
    """Which pixels are measured, a boolean (H, W)."""
    height, width = size
    if params.mask is not None:
        return _from_file(Path(params.mask), size)
    if params.keep is not None:
        count = round(params.keep * height * width)
        if count == 0:
            raise BadParams(
                f"keep={params.keep:g} of {width}×{height} pixels keeps none",
                f"the least is {1 / (height * width):.2g}",
            )
        order = torch.randperm(height * width, generator=seeds.stream(seed, "inpaint"))
        mask = torch.zeros(height * width, dtype=torch.bool)
        mask[order[:count]] = True
        return mask.reshape(size)
    mask = torch.ones(size, dtype=torch.bool)
    if params.half is not None:
        middle = {"left": width, "right": width, "top": height, "bottom": height}[params.half] // 2
        part = slice(None, middle) if params.half in ("left", "top") else slice(middle, None)
        if params.half in ("left", "right"):
            mask[:, part] = False
        else:
            mask[part] = False
        return _some(mask, "the other half has")
    assert params.box is not None
    h, w = map(int, params.box.split("x"))
    row, column = (height - h) // 2, (width - w) // 2
    if params.at is not None:
        row, column = map(int, params.at.split("x"))
    if h == 0 or w == 0 or row < 0 or column < 0 or row + h > height or column + w > width:
        raise BadParams(
            f"a box of {h}x{w} at row {row}, column {column} is not within {height}x{width} pixels",
            "make it smaller, or place it with at=ROWxCOLUMN",
        )
    mask[row : row + h, column : column + w] = False
    return _some(mask, "the box leaves")


def _from_file(path: Path, size: tuple[int, int]) -> Tensor:
    light = images.read_grey(path)
    if light.shape != size:
        raise BadInput(
            f"mask {path} is {light.shape[1]}×{light.shape[0]} pixels, the image"
            f" {size[1]}×{size[0]}",
            "resize the mask, without smoothing",
        )
    return _some(light >= 0.5, f"mask {path} has")


def _some(mask: Tensor, what: str) -> Tensor:
    if not bool(mask.any()):
        raise BadInput(f"{what} no measured pixel", "light pixels are measured, dark ones missing")
    return mask
