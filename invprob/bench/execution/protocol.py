"""What coordinator and worker say to each other: a kind, a length, bytes; never a pickle."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

from invprob.io.json_text import dumps

HEAD = struct.Struct("<cQ")


def send(stream: BinaryIO, kind: bytes, data: bytes) -> None:
    """Write one frame.

    Args:
        stream: The pipe.
        kind: One byte, which says what the frame is.
        data: Its content.
    """
    left = memoryview(HEAD.pack(kind, len(data)) + data)
    while left:  # a pipe without a buffer may take a part
        left = left[stream.write(left) :]
    stream.flush()


def receive(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    """Read one frame.

    Args:
        stream: The pipe.

    Returns:
        Kind and content; None at the end of the stream.
    """
    head = _exactly(stream, HEAD.size)
    if head is None:
        return None
    kind, length = HEAD.unpack(head)
    data = _exactly(stream, length)
    return None if data is None else (kind, data)


def _exactly(stream: BinaryIO, count: int) -> bytes | None:
    parts = []
    while count:
        part = stream.read(count)
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def pack(table: dict[str, Any], data: bytes = b"") -> bytes:
    """Put a table and bytes into one piece.

    Args:
        table: What JSON can hold.
        data: More bytes.

    Returns:
        The piece.
    """
    text = dumps(table).encode()
    return len(text).to_bytes(4, "little") + text + data


def unpack(packed: bytes) -> tuple[dict[str, Any], bytes]:
    """Take apart what `pack` made.

    Args:
        packed: The piece.

    Returns:
        The table and the bytes.
    """
    end = 4 + int.from_bytes(packed[:4], "little")
    return json.loads(packed[4:end]), packed[end:]
