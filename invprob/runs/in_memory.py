"""Images and measurements that are in memory: they stand in for files an experiment would name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from invprob.errors import BadInput
from invprob.io.decode import with_channels
from invprob.io.layers import on_white, pil_layers, with_holes


@dataclass(frozen=True)
class Picture:
    """A picture in memory that is read as an `ImageFile` is.

    Attributes:
        name: What files of results are called.
        image: The picture, (C, H, W) in [0, 1].
    """

    name: str
    image: Tensor

    def size(self) -> tuple[int, int]:
        """Tell the size of the picture.

        Returns:
            (height, width).
        """
        return self.image.shape[-2], self.image.shape[-1]

    @staticmethod
    def is_reduced() -> bool:
        """Whether it held more bits than there are: never."""
        return False

    def read(self, channels: int | None = 3) -> Tensor:
        """Convert the picture to a number of channels.

        Args:
            channels: 1 or 3; None: those it has.

        Returns:
            The picture (channels, H, W) in [0, 1].
        """
        return with_channels(self.image, channels)


@dataclass(frozen=True)
class InMemoryInput:
    """What stands in for the files of an experiment: pictures, or a measurement.

    Attributes:
        pictures: Pictures to degrade; none if there is a measurement.
        measurement: A measurement as `images.read_measurement` returns one, or None.
    """

    pictures: tuple[Picture, ...] = ()
    measurement: Tensor | None = None


def pictures(value: Any) -> tuple[Picture, ...]:
    """Read pictures from memory.

    Args:
        value: A tensor or float array (C, H, W) or (B, C, H, W) in [0, 1], a Pillow image, an 8-bit
            array (H, W) or (H, W, 3), or a sequence of such.

    Returns:
        The pictures, named by their number.

    Raises:
        BadInput: If it is something else, or out of range.
    """
    found: list[Tensor] = []
    for part in value if isinstance(value, (list, tuple)) else [value]:
        image = numbers(part, "truth")
        found += list(image) if image.dim() == 4 else [image]
    if not found:
        raise BadInput("truth is empty", "give at least one image")
    for i, image in enumerate(found):
        if image.dim() != 3 or image.shape[0] not in (1, 3):
            raise BadInput(
                f"truth {i} has the shape {tuple(image.shape)}",
                "give images as (C, H, W) or (B, C, H, W) with 1 or 3 channels",
            )
        if not 0 <= float(image.min()) <= float(image.max()) <= 1:
            raise BadInput(
                f"truth {i} reaches from {float(image.min()):g} to {float(image.max()):g}",
                "give images in units of [0, 1]",
            )
    return tuple(Picture(f"image-{i}", image) for i, image in enumerate(found))


def numbers(value: Any, name: str, holes: bool = False) -> Tensor:
    """Read numbers from memory.

    Args:
        value: A tensor or array of floats, an 8-bit array or a Pillow image.
        name: What messages call it.
        holes: Whether numbers may be NaN; what is transparent in a picture is, then.

    Returns:
        float32 on the CPU: floats in their shape, pictures as (C, H, W) in [0, 1].

    Raises:
        BadInput: If it is something else, empty, or not finite.
    """
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim in (2, 3):
        value = Image.fromarray(value)
    if isinstance(value, Image.Image):
        layers = pil_layers(value, name)
        return with_holes(layers) if holes else on_white(layers)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        value = torch.from_numpy(value.astype(np.float32))
    if not isinstance(value, Tensor) or not value.is_floating_point():
        kind = getattr(value, "dtype", type(value).__name__)
        raise BadInput(
            f"{name} is of type {kind}",
            "give a tensor or array of floats, an 8-bit array, a Pillow image or a path",
        )
    if value.layout != torch.strided:
        raise BadInput(f"{name} is a sparse tensor", "give its .to_dense()")
    plain: Tensor = value.detach().to("cpu", torch.float32)
    bad = int((~plain.isfinite()).sum())
    if (bad and not holes) or plain.numel() == 0:
        what = f"holds NaN or infinity in {bad} values" if plain.numel() else "is empty"
        raise BadInput(f"{name} {what}", "mend it first")
    return plain
