"""Inpainting: some pixels are measured; the others are missing."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from invprob.errors import BadInput, BadParams
from invprob.io import images
from invprob.io.framing import Framing
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob.paths import AUTO
from invprob_basics import holes, marks, shapes
from invprob_basics.params import InpaintParams
from invprob_basics.shapes import Array

_log = logging.getLogger(f"invprob.{__name__}")


class Inpaint(LinearOperator, Configurable):
    """A(x) holds the measured values only, as a vector, channel after channel.

    Which pixels are measured is said by a `mask`, or by one of `keep`, `box`, `half` and
    `scratches` and the shape of an image: ``Inpaint(keep=0.1, image_shape=(3, 64, 64))``. `box`
    and `at` are texts ``"24x32"`` or pairs (rows, columns).

    Args:
        mask: What is measured: booleans, or numbers in [0, 1] of which those from 0.5 on are
            measured, (H, W) or (C, H, W).
        image_shape: The shape of an image, (C, H, W). Without it, images have the shape of the
            mask, and three channels for a mask (H, W).
        seed: The seed of the random pixels of `keep`, and of scratches.
        noise: The noise of the measurement.

    Raises:
        BadInput: If the mask does not fit the image, or nothing is measured.
        BadParams: If a parameter is out of its range, or more than one says what is measured.
    """

    params_type = InpaintParams
    index: Tensor

    def __init__(
        self,
        mask: Array | None = None,
        *,
        image_shape: Sequence[int] | None = None,
        seed: int = 0,
        noise: Noise | None = None,
        **values: Any,
    ) -> None:
        super().__init__(noise)
        # the model has the rule that one parameter alone says what is measured
        params = self.read(**values, mask=None if mask is None else "a tensor")
        shape = None if image_shape is None else shapes.picture("inpaint", image_shape)
        if mask is not None:
            kept, shape = fitted(light(shapes.numbers(mask, "mask"), "mask"), shape)
        elif shape is not None:
            kept = holes.measured(params, shape[1:], seed)
        else:
            raise BadParams(
                "Inpaint is given neither a mask nor the shape of an image",
                "give a mask (H, W), or image_shape=(3, H, W)",
            )
        index = kept.expand(shape).flatten().nonzero()[:, 0]
        self.in_shape = shape
        self.out_shape = (len(index),)
        self.register_buffer("index", index, persistent=False)
        # run folders of 0.1 know the mask by its pixels
        self.register_buffer("pixels", kept.flatten().nonzero()[:, 0])

    @classmethod
    def from_params(
        cls,
        params: InpaintParams,
        in_shape: Sequence[int],
        seed: int,
        framing: Framing | None = None,
        picture: Tensor | None = None,
    ) -> Self:
        shape = shapes.picture("inpaint", in_shape)
        if params.mask == AUTO:
            kept = marks.unmarked(params, picture).float()
            kept = fit_mask(kept, shape[1:], framing, "the mask of the picture")
            made = cls(kept, image_shape=shape)
            made.found = {"mask": kept}
            return made
        values = params.model_dump(include={"keep", "box", "at", "half", "scratches"})
        mask = None if params.mask is None else read_mask(Path(params.mask), shape[1:], framing)
        return cls(mask, image_shape=shape, seed=seed, **values)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, self.index]

    def adjoint(self, y: Tensor) -> Tensor:
        x = y.new_zeros(len(y), math.prod(self.in_shape))
        x[:, self.index] = y
        return x.reshape(-1, *self.in_shape)

    def pinv(self, y: Tensor) -> Tensor:
        return self.adjoint(y)

    @property
    def row_norm2(self) -> float:
        return 1.0

    def observed(self, y: Tensor) -> Tensor:
        # holes are mid grey
        hole = 1 - self.adjoint(torch.ones_like(y))
        return self.adjoint(y) + 0.5 * hole

    @property
    def picture_shape(self) -> tuple[int, ...]:
        return self.in_shape

    def from_picture(self, picture: Tensor) -> Tensor:
        y: Tensor = self(super().from_picture(picture))
        return y


def light(mask: Tensor, name: str) -> Tensor:
    """The measured pixels of a mask.

    Args:
        mask: Numbers in [0, 1], of any shape.
        name: What the message calls it.

    Returns:
        Booleans of the same shape: true from 0.5 on.

    Raises:
        BadInput: If a number is outside of [0, 1], or none is from 0.5 on.
    """
    low, high = float(mask.min()), float(mask.max())
    if low < 0 or high > 1:
        raise BadInput(f"{name} reaches from {low:g} to {high:g}", "give numbers in [0, 1]")
    return holes.some(mask >= 0.5, f"{name} has")


def fitted(kept: Tensor, shape: tuple[int, int, int] | None) -> tuple[Tensor, tuple[int, int, int]]:
    """A mask and the shape of the images that it is for.

    Args:
        kept: Booleans (H, W) or (C, H, W).
        shape: The shape of an image, (C, H, W), if it is known.

    Returns:
        The mask as (1 or C, H, W), and (C, H, W).

    Raises:
        BadInput: If the mask is of another shape.
    """
    if kept.dim() not in (2, 3):
        raise BadInput(f"mask has the shape {tuple(kept.shape)}", "give one (H, W) or (C, H, W)")
    if shape is None:
        shape = shapes.picture("inpaint", kept.shape if kept.dim() == 3 else (3, *kept.shape))
    kept = kept if kept.dim() == 3 else kept[None]
    if tuple(kept.shape) not in (shape, (1, *shape[1:])):
        raise BadInput(
            f"mask has the shape {tuple(kept.shape)}, and images have {shape}",
            "give a mask (H, W) of the size of an image",
        )
    return kept, shape


def read_mask(path: Path, size: tuple[int, int], framing: Framing | None = None) -> Tensor:
    """The mask of a file.

    Args:
        path: A picture, or an array (H, W), (1, H, W) or (C, H, W).
        size: The size of the images to measure, (H, W).
        framing: What the images were cropped and resized by, which a mask of their size is too.

    Returns:
        Booleans, (H, W) or (C, H, W).

    Raises:
        BadInput: If the file cannot be read, is of another size, or measures no pixel.
    """
    name = f"mask {path}"
    mask = images.read_mask(path)
    if mask.dim() not in (2, 3):
        raise BadInput(f"{name} has the shape {tuple(mask.shape)}", "give one (H, W) or (C, H, W)")
    return fit_mask(mask, size, framing, name)


def fit_mask(mask: Tensor, size: tuple[int, int], framing: Framing | None, name: str) -> Tensor:
    """A mask at the size of the images, and a line that says how much is measured.

    Args:
        mask: Numbers in [0, 1], (H, W) or (C, H, W).
        size: The size of the images to measure, (H, W).
        framing: What the images were cropped and resized by, which a mask of their size is too.
        name: What messages call it.

    Returns:
        Booleans, (H, W) or (C, H, W).

    Raises:
        BadInput: If it is of another size, or measures no pixel.
    """
    flat = mask[None] if mask.dim() == 2 else mask
    kept = light((framing or Framing()).mask(flat, size, name), name)
    _log.info("%s: %.0f %% measured", name, 100 * kept.double().mean())
    return kept[0] if len(kept) == 1 else kept
