"""Luma, the grey value of a colour, by the weights of ITU-R Rec. BT.601."""

from __future__ import annotations

from torch import Tensor

WEIGHTS = (0.299, 0.587, 0.114)
"""Weights of red, green and blue; they sum to 1."""


def luma(image: Tensor) -> Tensor:
    """The grey values of a colour image.

    Args:
        image: RGB values, (…, 3, H, W).

    Returns:
        0.299 R + 0.587 G + 0.114 B in the units of `image`, (…, 1, H, W).
    """
    weights = image.new_tensor(WEIGHTS)[:, None, None]
    return (image * weights).sum(-3, keepdim=True)
