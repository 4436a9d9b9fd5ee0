"""What is asked of a measurement that a user brings, before anything is computed from it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from invprob.errors import BadInput
from invprob.numerics.luma import luma

OUTSIDE = 0.01
"""The part of a measurement that may lie outside of what images can give, as hot pixels do."""
MARGIN, DEVIATIONS = 0.25, 6.0
"""How far outside something counts, in parts of the range and in standard deviations."""


def of_picture(
    picture: Tensor, shape: tuple[int, ...] | None, out_shape: tuple[int, ...], name: str
) -> Tensor:
    """A picture in the channels of an operator's measurements.

    Args:
        picture: (B, 1 or 3, h, w).
        shape: (C, h, w) of the pictures that the operator takes; None if it takes none.
        out_shape: The shape of its measurements, for messages.
        name: What messages call the operator.

    Returns:
        The picture (B, C, h, w).

    Raises:
        BadInput: If it takes none, or one of another size.
    """
    if shape is None:
        raise BadInput(
            f"a picture cannot be a measurement of {name.lower()}, which gives the shape"
            f" {out_shape}",
            "give its numbers as .safetensors, .npz or .npy",
        )
    if picture.dim() != 4 or picture.shape[1] not in (1, 3):
        refuse_shape(tuple(picture.shape[1:]), shape, name)
    channels, height, width = shape
    if picture.shape[1] == 1 and channels == 3:
        picture = picture.expand(-1, 3, -1, -1)
    if picture.shape[1] == 3 and channels == 1:
        picture = luma(picture)
    if tuple(picture.shape[2:]) != (height, width):
        raise BadInput(
            f"the measurement is {picture.shape[3]}×{picture.shape[2]} pixels, and {name.lower()}"
            f" gives {width}×{height}",
            f"give a picture of {width}×{height} pixels, or add --resize and --crop",
        )
    return picture


def refuse_shape(given: tuple[int, ...], gives: tuple[int, ...], name: str) -> None:
    """Refuse a measurement of another shape.

    Args:
        given: Its shape.
        gives: The shape of the operator's measurements.
        name: What messages call the operator.

    Raises:
        BadInput: Always.
    """
    last = len(given) in (3, 4) and given[-1] in (1, 3) and given[-3] not in (1, 3)
    raise BadInput(
        f"a measurement has the shape {given}, {name} gives {gives}",
        "channels come before rows and columns"
        if last
        else "give it in that shape, with or without a batch dimension before it",
    )


def check_numbers(y: Tensor) -> None:
    """Refuse NaN and infinities among what was measured.

    Args:
        y: Measurements (B, …).

    Raises:
        BadInput: If there are any; it counts them.
    """
    bad = int((~y.isfinite()).sum())
    if bad:
        raise BadInput(
            f"the measurement holds NaN or infinity in {bad} of the {y.numel()} values that the"
            " operator measures",
            "mend them, or leave them out with a mask: inpaint:mask=FILE; where a picture is"
            " transparent: inpaint:mask=auto",
        )


def check_range(y: Tensor, clean: Tensor, scale: Tensor) -> None:
    """Refuse measurements far outside of what images in [0, 1] give.

    Args:
        y: Measurements (B, …).
        clean: What the operator gives of black, white and random images, or its least and largest
            values.
        scale: The standard deviation of the noise of each entry, of the shape of y.

    Raises:
        BadInput: If more than a hundredth of the values lie outside by a quarter of the range and
            six standard deviations of the noise.
    """
    low, high = float(clean.min()), float(clean.max())
    slack = MARGIN * (high - low) + DEVIATIONS * scale
    far = (y < low - slack) | (y > high + slack)
    if int(far.count_nonzero()) > OUTSIDE * far.numel():
        raise BadInput(
            f"the measurement reaches from {float(y.min()):g} to {float(y.max()):g}, and images in"
            f" [0, 1] give {low:g} to {high:g}",
            "give it in units of [0, 1], e.g. divided by 255, or say that its noise is larger",
        )


def probes(shape: tuple[int, ...]) -> Iterator[Tensor]:
    """Images that show how far measurements reach: black, white, random grey, black or white.

    Args:
        shape: (C, H, W).

    Yields:
        (1, C, H, W) in [0, 1], the same at every call.
    """
    yield torch.zeros(1, *shape)
    yield torch.ones(1, *shape)
    grey = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32)[None]
    yield grey
    yield grey.round()
