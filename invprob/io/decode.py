"""From the bytes of a picture to a float tensor (C, H, W) in [0, 1], for files nobody vouches for.

The format is told from the first bytes, never from the file name, and only the decoders of
`invprob.io.formats` are reachable. Size is judged from the header, before a pixel is decoded. What
a picture may hold:

* 8 bits grey or colour, divided by 255; 16 bits grey, divided by 65535. Pillow reads 16-bit colour
  with its upper 8 bits, so colour comes in 256 steps.
* Transparency, which is laid on white unless somebody asks for it: `layers`. Of an animation or a
  multi-page TIFF the first frame is taken.
* EXIF orientation is applied; colour profiles are not, CMYK becomes RGB by Pillow's plain formula.
* Grey becomes colour by repetition, colour becomes grey by the luma of Rec. 601.
* 32-bit integers and floating point have no agreed white and are refused.
"""

from __future__ import annotations

import io
import logging
import warnings
from typing import IO, Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from invprob.errors import BadInput
from invprob.io.formats import open_picture
from invprob.numerics.luma import luma
from invprob.paths import reason

MAX_PIXELS = 64_000_000
"""The largest picture that is decoded, in pixels (8000 × 8000)."""

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

_ORIENTATION = 0x0112
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_PNG = b"\x89PNG\r\n\x1a\n"
_log = logging.getLogger(__name__)


class Layers(NamedTuple):
    """A picture before transparency is given a meaning.

    Attributes:
        colour: The colours as stored, (1 or 3, H, W) in [0, 1].
        alpha: How opaque each pixel is, (1, H, W) in [0, 1]; None where all are.
    """

    colour: Tensor
    alpha: Tensor | None


def decode(stream: IO[bytes], label: str, channels: int | None = 3) -> Tensor:
    """The picture in `stream` as (C, H, W), float32 in [0, 1]; errors name it `label`.

    `channels` is 1 or 3, or None for what the picture has. Raises `BadInput`.
    """
    if channels not in (None, 1, 3):
        raise BadInput(
            f"{label} cannot be read with {channels} channels", "images have 1 channel or 3"
        )
    return with_channels(on_white(layers(stream, label)), channels)


def layers(stream: IO[bytes], label: str) -> Layers:
    """Colours and transparency of the picture in `stream`; raises `BadInput`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of is either mended or refused here
        return pil_layers(_load(stream, label), label)


def size(stream: IO[bytes], label: str) -> tuple[int, int]:
    """(height, width) of the picture in `stream` from its header; raises `BadInput`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _open(stream, label)
        tags = getattr(picture, "tag_v2", {})  # Pillow turns the size of a TIFF, in some versions
        width, height = tags.get(256, picture.size[0]), tags.get(257, picture.size[1])
        try:
            # of a PNG, Pillow would decode all pixels to look for EXIF behind them
            png = picture.format == "PNG" and "exif" not in picture.info
            turned = not png and picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        except Exception:  # a damaged EXIF block says nothing about orientation
            turned = False
    return (width, height) if turned else (height, width)


def is_reduced(stream: IO[bytes], label: str) -> bool:
    """Whether `decode` reads the upper 8 bits of the 16 that colours have; raises `BadInput`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture: Any = _open(stream, label)
    if not picture.tile or picture.mode not in ("RGB", "RGBA", "LA", "CMYK"):
        return False
    codec, *_, raw = picture.tile[0]
    words = raw if isinstance(raw, tuple) else (raw,)
    if codec == "ppm":
        return bool(words[-1] > 255)
    return any(isinstance(word, str) and ";16" in word for word in words)


def from_pil(picture: Image.Image, label: str) -> Tensor:
    """A picture that Pillow has opened as `decode` gives it, with the channels it has."""
    return on_white(pil_layers(picture, label))


def pil_layers(picture: Image.Image, label: str) -> Layers:
    """Colours and transparency of a picture that Pillow has opened."""
    return _layers(_upright(picture), label)


def on_white(given: Layers) -> Tensor:
    """The picture as it looks before white, (1 or 3, H, W)."""
    colour, alpha = given
    return colour if alpha is None else colour * alpha + (1 - alpha)


def with_holes(given: Layers) -> Tensor:
    """The picture with NaN where it is more transparent than opaque, (1 or 3, H, W)."""
    colour, alpha = given
    return colour if alpha is None else torch.where(alpha < 0.5, torch.nan, colour)


def _load(stream: IO[bytes], label: str) -> Image.Image:
    try:
        return _loaded(_open(stream, label), label)
    except BadInput:
        stream.seek(0)
        plain = _without_texts(stream.read()) if stream.read(len(_PNG)) == _PNG else None
        if plain is None:
            raise
        return _loaded(_open(io.BytesIO(plain), label), label)


def _loaded(picture: Image.Image, label: str) -> Image.Image:
    if _has_more(picture):
        _log.warning("%s: the first of its frames or pages is taken", label)
    try:
        picture.load()
    except Exception as error:  # whatever hostile bytes make a decoder raise, the file is at fault
        raise BadInput(
            f"{label} is damaged or truncated ({reason(error)})", "fetch or save the picture again"
        ) from None
    return picture


def _open(stream: IO[bytes], label: str) -> Image.Image:
    picture = open_picture(stream, label)
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise BadInput(
            f"{label} is {width}×{height} pixels, more than the {MAX_PIXELS // 10**6} million "
            "that are read",
            "reduce the picture first",
        )
    return picture


def _has_more(picture: Image.Image) -> bool:
    try:
        if picture.format == "TIFF":
            return bool(getattr(picture, "n_frames", 1) > 1)
        return bool(getattr(picture, "is_animated", False))
    except Exception:  # damaged frames behind the first one do not matter
        return False


def _without_texts(data: bytes) -> bytes | None:
    """The rest of a PNG, whole again without its texts and profile, for which Pillow refuses a
    picture if they unpack to more than 1 MiB; None without them, or if chunks are damaged."""
    kept, at = [_PNG], 0
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in _TEXTS:
            kept.append(data[at:end])
        at = end
    plain = b"".join(kept)
    return plain if at == len(data) and len(plain) < len(_PNG) + at else None


def _upright(picture: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(picture.getexif().get(_ORIENTATION, 1))
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


def with_channels(image: Tensor, channels: int | None) -> Tensor:
    """The image (1 or 3, H, W) with 1 or 3 channels, or as it is."""
    if channels is None or image.shape[0] == channels:
        return image
    if channels == 3:
        return image.expand(3, -1, -1).contiguous()
    return luma(image).clamp(0, 1)
