"""From the bytes of a picture to a float tensor (C, H, W) in [0, 1], for files nobody vouches for.

The format is told from the first bytes, never from the file name, and only six decoders of Pillow
are reachable. Size is judged from the header, before a pixel is decoded. What a picture may hold:

* 8 bits grey or colour, divided by 255; 16 bits grey, divided by 65535. Pillow reads 16-bit colour
  with its upper 8 bits, so colour comes in 256 steps.
* Transparency is laid on white. Of an animation or a multi-page TIFF the first frame is taken.
* EXIF orientation is applied; colour profiles are not, CMYK becomes RGB by Pillow's plain formula.
* Grey becomes colour by repetition, colour becomes grey by the luma of Rec. 601.
* 32-bit integers and floating point have no agreed white and are refused.
"""

from __future__ import annotations

import importlib
import warnings
from typing import IO, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from invprob.errors import BadInput
from invprob.numerics.luma import luma

SUFFIXES = frozenset(
    [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"]
)
"""Suffixes by which a picture is found in a folder or a zip file."""

FORMATS = "PNG, JPEG, WebP, BMP, TIFF, PPM"

MAX_PIXELS = 64_000_000
"""The largest picture that is decoded, in pixels (8000 × 8000)."""

_DECODERS = {
    b"\x89PNG\r\n\x1a\n": "Png",
    b"\xff\xd8\xff": "Jpeg",
    b"RIFF": "WebP",
    b"BM": "Bmp",
    b"II*\x00": "Tiff",
    b"MM\x00*": "Tiff",
    **{b"P%d" % digit: "Ppm" for digit in range(1, 7)},
}

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


def decode(stream: IO[bytes], label: str, channels: int | None = 3) -> Tensor:
    """The picture in `stream` as (C, H, W), float32 in [0, 1]; errors name it `label`.

    `channels` is 1 or 3, or None for what the picture has. Raises `BadInput`.
    """
    if channels not in (None, 1, 3):
        raise BadInput(
            f"{label} cannot be read with {channels} channels", "images have 1 channel or 3"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of is either mended or refused here
        return with_channels(from_pil(_load(stream, label), label), channels)


def from_pil(picture: Image.Image, label: str) -> Tensor:
    """A picture that Pillow has opened as `decode` gives it, with the channels it has."""
    return _tensor(_upright(picture), label)


def _load(stream: IO[bytes], label: str) -> Image.Image:
    picture = _open(stream, label)
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise BadInput(
            f"{label} is {width}×{height} pixels, more than the {MAX_PIXELS // 10**6} million "
            "that are read",
            "reduce the picture first",
        )
    try:
        picture.load()
    except Exception as error:  # whatever hostile bytes make a decoder raise, the file is at fault
        raise BadInput(
            f"{label} is damaged or truncated ({_words(error)})", "fetch or save the picture again"
        ) from None
    return picture


def _open(stream: IO[bytes], label: str) -> Image.Image:
    """The decoder of the picture with its header read; `Image.open` without its other formats."""
    head = stream.read(16)
    stream.seek(0)
    if not head:
        raise BadInput(f"{label} is empty", f"give a picture: {FORMATS}")
    for magic, name in _DECODERS.items():
        if not head.startswith(magic) or (name == "WebP" and head[8:12] != b"WEBP"):
            continue
        try:
            module: Any = importlib.import_module(f"PIL.{name}ImagePlugin")
            picture: Image.Image = getattr(module, f"{name}ImageFile")(stream)
        except Exception as error:
            raise BadInput(
                f"{label} begins like {name.upper()} but has no readable header ({_words(error)})",
                "fetch or save the picture again",
            ) from None
        return picture
    raise BadInput(f"{label} is not an image that can be read", f"accepted: {FORMATS}")


def _words(error: Exception) -> str:
    text = str(error).strip().rstrip(".").split("\n")[0]
    return (text[:1].lower() + text[1:]) if text else type(error).__name__


def _upright(picture: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(picture.getexif().get(0x0112, 1))
    except Exception:  # a damaged EXIF block says nothing about orientation
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _tensor(picture: Image.Image, label: str) -> Tensor:
    """(C, H, W) with C of 1 for grey, 3 for colour."""
    mode = picture.mode
    deep = mode.startswith("I;16") or (mode == "I" and picture.format in ("PNG", "PPM"))
    if deep:
        return torch.from_numpy(np.asarray(picture).astype(np.float32) / 65535).clamp(0, 1)[None]
    if mode in ("I", "F"):
        kind = "32-bit integers" if mode == "I" else "floating-point numbers"
        raise BadInput(
            f"{label} holds {kind}, whose white is not known",
            "save it with 8 or 16 bits, or as a measurement in .npz or .safetensors",
        )
    if "transparency" in picture.info or mode in ("PA", "LA", "La", "RGBA", "RGBa"):
        grey = mode in ("1", "L", "LA", "La")
        rgba = _eight_bit(picture.convert("RGBA"))
        colour, alpha = rgba[:3], rgba[3:]
        laid = colour * alpha + (1 - alpha)
        return laid[:1] if grey else laid
    if mode in ("1", "L"):
        return _eight_bit(picture.convert("L"))
    return _eight_bit(picture.convert("RGB"))


def _eight_bit(picture: Image.Image) -> Tensor:
    values = torch.from_numpy(np.asarray(picture).astype(np.float32) / 255)
    return values[None] if values.dim() == 2 else values.permute(2, 0, 1).contiguous()


def with_channels(image: Tensor, channels: int | None) -> Tensor:
    """The image (1 or 3, H, W) with 1 or 3 channels, or as it is."""
    if channels is None or image.shape[0] == channels:
        return image
    if channels == 3:
        return image.expand(3, -1, -1).contiguous()
    return luma(image).clamp(0, 1)
