"""What operators check of the shapes and the tensors that they are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from invprob.errors import BadInput, Incompatible

Array: TypeAlias = "Tensor | np.ndarray[Any, Any]"


def numbers(value: Array, name: str) -> Tensor:
    """A tensor or array that stands for a mask or a kernel.

    Args:
        value: Booleans or finite numbers of any shape.
        name: What the message calls it.

    Returns:
        The numbers as float64 on the CPU.

    Raises:
        BadInput: If it is something else, is empty, or holds NaN or infinity.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = torch.from_numpy(value.astype(np.float64))
    if not isinstance(value, Tensor) or value.is_complex():
        kind = getattr(value, "dtype", type(value).__name__)
        raise BadInput(f"{name} is of type {kind}", "give a tensor or an array of real numbers")
    plain = value.detach().to("cpu", torch.float64)
    if plain.numel() == 0 or not bool(plain.isfinite().all()):
        what = "holds NaN or infinity" if plain.numel() else "is empty"
        raise BadInput(f"{name} {what}", "")
    return plain


def picture(name: str, shape: Sequence[int]) -> tuple[int, int, int]:
    """The shape (C, H, W) of the images that an operator measures.

    Args:
        name: What the message calls the operator.
        shape: The shape of an image, or of what the operator before this one gives.

    Raises:
        Incompatible: If it is not that of a picture.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise Incompatible(
            f"{name} takes a picture (C, H, W), not the shape {tuple(shape)}",
            "give image_shape=(3, H, W); in a composition, put inpaint and compressed last",
        )
    channels, height, width = map(int, shape)
    return channels, height, width
