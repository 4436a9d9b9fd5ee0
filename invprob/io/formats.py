"""Which picture a file is, told from its first bytes, and the decoder of Pillow that reads it."""

from __future__ import annotations

import importlib
from typing import IO, Any

from PIL import Image

from invprob.errors import BadInput
from invprob.paths import reason

_SUFFIXES = """png jpg jpeg jpe jfif webp bmp tif tiff gif avif ppm pgm pbm pnm
 jp2 j2k jpf jpx j2c"""
SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
"""Suffixes by which a picture is found in a folder or a zip file."""

FORMATS = "PNG, JPEG, WebP, BMP, TIFF, PPM, GIF, AVIF, JPEG 2000"

_DECODERS = {
    b"\x89PNG\r\n\x1a\n": "Png",
    b"\xff\xd8\xff": "Jpeg",
    b"GIF8": "Gif",
    b"BM": "Bmp",
    b"II*\x00": "Tiff",
    b"MM\x00*": "Tiff",
    b"II+\x00": "Tiff",  # of more than 4 GiB, in principle
    b"MM\x00+": "Tiff",
    b"\xff\x4f\xff\x51": "Jpeg2K",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n": "Jpeg2K",
    **{b"P%d" % digit: "Ppm" for digit in range(1, 7)},
}

_OTHERS = {
    b"\x00\x00\x00\x0cJXL ": "a picture in JPEG XL",
    b"\xff\x0a": "a picture in JPEG XL",
    b"8BPS": "a file of Photoshop",
    b"gimp xcf": "a file of GIMP",
    b"\x76\x2f\x31\x01": "a picture in OpenEXR",
    b"%PDF": "a PDF",
    b"<svg": "a drawing in SVG",
    b"<?xml": "XML",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"PK\x03\x04": "a zip archive",
    b"\x93NUMPY": "an array of numpy",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself",
}
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
SAVE = "save it as PNG or JPEG"

_REDUCED, _DNG = 254, 50706
"""Tags of TIFF: the kind of the first picture, and the version of a raw one."""


def open_picture(stream: IO[bytes], label: str) -> Image.Image:
    """The picture with its header read; `Image.open` without its other formats.

    Args:
        stream: The file.
        label: What messages call it.

    Returns:
        A picture of Pillow whose pixels are not decoded.

    Raises:
        BadInput: If it is not of a known format, or its header is damaged.
    """
    head = stream.read(64)
    stream.seek(0)
    name = _decoder(head, label)
    try:
        module: Any = importlib.import_module(f"PIL.{name}ImagePlugin")
    except ImportError:
        raise BadInput(
            f"{label} is a picture in {name.upper()}, which the installed Pillow cannot read",
            "pip install -U pillow, or " + SAVE,
        ) from None
    try:
        picture: Image.Image = getattr(module, f"{name}ImageFile")(stream)
    except Exception as error:  # a dozen unrelated classes
        raise BadInput(
            f"{label} begins like {name.upper()} but has no readable header ({reason(error)})",
            "fetch or save the picture again",
        ) from None
    if name == "Tiff":
        _refuse_previews(picture, label)
    if name == "Png":
        _scale_key(picture)
    return picture


def _decoder(head: bytes, label: str) -> str:
    if not head:
        raise BadInput(f"{label} is empty", f"give a picture: {FORMATS}")
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        brands = head[8 : max(16, int.from_bytes(head[:4], "big"))]
        if b"avif" in brands or b"avis" in brands:
            return "Avif"
        if head[8:12] in HEIC:
            raise BadInput(f"{label} is a picture in HEIC, which Pillow cannot read", SAVE)
    name = next((name for magic, name in _DECODERS.items() if head.startswith(magic)), None)
    if name == "Tiff" and head[8:10] == b"CR":
        raise BadInput(f"{label} is a raw picture of a camera", "develop it, and " + SAVE)
    if name is None:
        what = next((w for magic, w in _OTHERS.items() if head.lstrip().startswith(magic)), "")
        what = f": it is {what}" if what else ""
        raise BadInput(f"{label} is not an image that can be read{what}", f"accepted: {FORMATS}")
    return name


def _refuse_previews(picture: Any, label: str) -> None:
    """Raw pictures of cameras begin with a small preview, which would be taken for the picture."""
    tags = picture.tag_v2
    reduced = tags.get(_REDUCED)  # anything may stand there
    if _DNG in tags or (isinstance(reduced, int) and reduced & 1):
        raise BadInput(
            f"{label} begins with a reduced preview, as raw pictures of cameras do",
            "develop it, and " + SAVE,
        )


def _scale_key(picture: Any) -> None:
    """Pillow scales grey of 2 and 4 bits, and cuts colours of 16, but not the transparent one."""
    key = picture.info.get("transparency")
    raw = picture.tile[0][3] if picture.tile else ""
    raw = raw if isinstance(raw, str) else raw[0]
    factor = {"1": 255, "L;2": 85, "L;4": 17}.get(raw)
    if isinstance(key, int) and factor and picture.mode in ("1", "L"):
        picture.info["transparency"] = min(255, key * factor)
    if isinstance(key, tuple) and raw == "RGB;16B":
        picture.info["transparency"] = tuple(part >> 8 for part in key)
