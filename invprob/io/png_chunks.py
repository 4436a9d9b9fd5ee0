"""The chunks of a PNG: those behind its pixels, and a PNG without its texts."""

from __future__ import annotations

from typing import IO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_TURNING = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
"""Names of texts that may say how a picture lies."""


def turns_late(stream: IO[bytes]) -> bool:
    """Say whether something behind the pixels may tell how a picture lies.

    Args:
        stream: The file, which is left where it stands.

    Returns:
        True if there is a block of EXIF or XMP behind the pixels.
    """
    place = stream.tell()
    stream.seek(len(SIGNATURE))
    try:
        behind = False
        while len(head := stream.read(8)) == 8:
            end, kind = stream.tell() + int.from_bytes(head[:4], "big") + 4, head[4:]
            if behind and kind == b"eXIf":
                return True
            if behind and kind in _TEXTS and stream.read(32).startswith(_TURNING):
                return True
            behind = behind or kind == b"IDAT"
            stream.seek(end)
        return False
    finally:
        stream.seek(place)


def without_texts(data: bytes) -> bytes | None:
    """Leave out texts and profile, for which Pillow refuses a picture if they unpack to more than
    1 MiB.

    Args:
        data: What stands behind the signature.

    Returns:
        The rest, whole again; None without them, or if chunks are damaged.
    """
    kept, at = [SIGNATURE], 0
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in _TEXTS:
            kept.append(data[at:end])
        at = end
    plain = b"".join(kept)
    return plain if at == len(data) and len(plain) < len(SIGNATURE) + at else None
