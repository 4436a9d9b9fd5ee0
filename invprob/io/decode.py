"""From the bytes of a picture to a float tensor (C, H, W) in [0, 1], for files nobody vouches for.

The format is told from the first bytes, never from the file name, and only the decoders of
`invprob.io.formats` are reachable. Size is judged from the header, before a pixel is decoded. What
a picture may hold:

* 8 bits grey or colour, divided by 255; 16 bits grey, divided by 65535. Pillow reads 16-bit colour
  with its upper 8 bits, so colour comes in 256 steps.
* Transparency, which is laid on white unless somebody asks for it: `layers`. Of an animation or a
  multi-page TIFF the first frame is taken.
* EXIF orientation is applied; colour profiles are not, CMYK becomes RGB by Pillow's plain formula.
  `profile` reads them.
* Grey becomes colour by repetition, colour becomes grey by the luma of Rec. 601.
* 32-bit integers and floating point have no agreed white and are refused.
"""

from __future__ import annotations

import io
import logging
import warnings
from typing import IO, Any

from PIL import Image
from torch import Tensor

from invprob.errors import BadInput
from invprob.io import png_chunks
from invprob.io.formats import open_picture
from invprob.io.layers import ORIENTATION, Layers, on_white, pil_layers
from invprob.numerics.luma import luma
from invprob.paths import reason

MAX_PIXELS = 64_000_000
"""The largest picture that is decoded, in pixels (8000 × 8000)."""

_log = logging.getLogger(__name__)


def decode(stream: IO[bytes], label: str, channels: int | None = 3) -> Tensor:
    """Decode a picture.

    Args:
        stream: The file.
        label: What errors call it.
        channels: 1 or 3; None for what the picture has.

    Returns:
        The picture as (C, H, W), float32 in [0, 1].

    Raises:
        BadInput: If it cannot be decoded.
    """
    if channels not in (None, 1, 3):
        raise BadInput(
            f"{label} cannot be read with {channels} channels", "images have 1 channel or 3"
        )
    return with_channels(on_white(layers(stream, label)), channels)


def layers(stream: IO[bytes], label: str) -> Layers:
    """Decode the colours and the transparency of a picture.

    Args:
        stream: The file.
        label: What errors call it.

    Returns:
        Both.

    Raises:
        BadInput: If it cannot be decoded.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of is either mended or refused here
        return pil_layers(_load(stream, label), label)


def check(stream: IO[bytes], label: str) -> None:
    """Look whether all of a picture can be decoded; of a JPEG at an eighth of its size.

    Args:
        stream: The file.
        label: What errors call it.

    Raises:
        BadInput: If it is not a picture, or is damaged or truncated.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _open(stream, label)
        picture.draft(picture.mode, (1, 1))
        try:
            picture.load()
            sure = picture.mode not in ("I", "F")
        except Exception:  # a PNG may be whole but for its texts
            sure = False
        if not sure:
            stream.seek(0)
            layers(stream, label)


def size(stream: IO[bytes], label: str) -> tuple[int, int]:
    """Read the size of a picture from its header.

    Args:
        stream: The file.
        label: What errors call it.

    Returns:
        (height, width) in pixels.

    Raises:
        BadInput: If it cannot be decoded.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _open(stream, label)
        tags = getattr(picture, "tag_v2", {})  # Pillow turns the size of a TIFF, in some versions
        width, height = tags.get(256, picture.size[0]), tags.get(257, picture.size[1])
        try:
            # of a PNG, Pillow would decode all pixels to look for EXIF behind them
            ahead = picture.format == "PNG" and not png_chunks.turns_late(stream)
            exif = Image.Image.getexif(picture) if ahead else picture.getexif()
            turned = exif.get(ORIENTATION, 1) in (5, 6, 7, 8)
        except Exception:  # a damaged EXIF block says nothing about orientation
            turned = False
    return (width, height) if turned else (height, width)


def is_reduced(stream: IO[bytes], label: str) -> bool:
    """Say whether `decode` reads the upper 8 bits of the 16 that colours have.

    Args:
        stream: The file.
        label: What errors call it.

    Returns:
        True for 16-bit colour.

    Raises:
        BadInput: If it is not a picture.
    """
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


def profile(stream: IO[bytes], label: str) -> bytes | None:
    """Read the colour profile of a picture from its header.

    Args:
        stream: The file.
        label: What errors call it.

    Returns:
        The bytes as they are, which nobody vouches for; None where there is none.

    Raises:
        BadInput: If it is not a picture.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = _open(stream, label).info.get("icc_profile")
    return found if isinstance(found, bytes) and found else None


def _load(stream: IO[bytes], label: str) -> Image.Image:
    try:
        return _loaded(_open(stream, label), label)
    except BadInput:
        stream.seek(0)
        png = stream.read(len(png_chunks.SIGNATURE)) == png_chunks.SIGNATURE
        plain = png_chunks.without_texts(stream.read()) if png else None
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


def with_channels(image: Tensor, channels: int | None) -> Tensor:
    """Convert between grey and colours.

    Args:
        image: The image, (1 or 3, H, W).
        channels: 1 or 3; None for those it has.

    Returns:
        The image with so many channels.
    """
    if channels is None or image.shape[0] == channels:
        return image
    if channels == 3:
        return image.expand(3, -1, -1).contiguous()
    return luma(image).clamp(0, 1)
