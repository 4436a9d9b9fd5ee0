"""From a picture that Pillow has opened to its colours and its transparency."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from invprob.errors import BadInput

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation."""

ORIENTATION = 0x0112


class Layers(NamedTuple):
    """A picture before transparency is given a meaning.

    Attributes:
        colour: The colours as stored, (1 or 3, H, W) in [0, 1].
        alpha: How opaque each pixel is, (1, H, W) in [0, 1]; None where all are.
    """

    colour: Tensor
    alpha: Tensor | None


def pil_layers(picture: Image.Image, label: str) -> Layers:
    """Separate colours and transparency of a picture that Pillow has opened.

    Args:
        picture: The picture.
        label: What errors call it.

    Returns:
        Both.
    """
    return _layers(_upright(picture), label)


def _upright(picture: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # a damaged EXIF block says nothing about orientation
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _layers(picture: Image.Image, label: str) -> Layers:
    """(C, H, W) with C of 1 for grey, 3 for colour, and the alpha."""
    mode = picture.mode
    deep = mode.startswith("I;16") or (mode == "I" and picture.format in ("PNG", "PPM"))
    if deep:
        raw = np.asarray(picture).astype(np.float32)
        key = picture.info.get("transparency")
        opaque = torch.from_numpy((raw != key).astype(np.float32))[None]
        grey = torch.from_numpy(raw / 65535).clamp(0, 1)[None]
        return Layers(grey, opaque if isinstance(key, int) else None)
    if mode in ("I", "F"):
        kind = "32-bit integers" if mode == "I" else "floating-point numbers"
        raise BadInput(
            f"{label} holds {kind}, whose white is not known",
            "save it with 8 or 16 bits, or as a measurement in .npz or .safetensors",
        )
    if "transparency" in picture.info or mode in ("PA", "LA", "La", "RGBA", "RGBa"):
        grey_too = mode in ("1", "L", "LA", "La")
        rgba = _eight_bit(picture.convert("RGBA"))
        colour, alpha = rgba[:3], rgba[3:]
        return Layers(
            colour[:1] if grey_too else colour, alpha if bool((alpha < 1).any()) else None
        )
    if mode in ("1", "L"):
        return Layers(_eight_bit(picture.convert("L")), None)
    return Layers(_eight_bit(picture.convert("RGB")), None)


def _eight_bit(picture: Image.Image) -> Tensor:
    values = torch.from_numpy(np.asarray(picture).astype(np.float32) / 255)
    return values[None] if values.dim() == 2 else values.permute(2, 0, 1).contiguous()


def on_white(given: Layers) -> Tensor:
    """Show a picture before white.

    Args:
        given: Colours and transparency.

    Returns:
        The picture, (1 or 3, H, W) in [0, 1].
    """
    colour, alpha = given
    return colour if alpha is None else colour * alpha + (1 - alpha)


def with_holes(given: Layers) -> Tensor:
    """Leave out what is more transparent than opaque.

    Args:
        given: Colours and transparency.

    Returns:
        The picture with NaN there, (1 or 3, H, W).
    """
    colour, alpha = given
    return colour if alpha is None else torch.where(alpha < 0.5, torch.nan, colour)
