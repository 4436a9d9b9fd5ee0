"""What coordinator and worker say to each other: a kind, a length, bytes; never a pickle."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

from invprob.io.json_text import dumps

HEAD = struct.Struct("<cQ")


def send(stream: BinaryIO, kind: bytes, data: bytes) -> None:
    """Write one frame."""
    left = memoryview(HEAD.pack(kind, len(data)) + data)
    while left:  # a pipe without a buffer may take a part
        left = left[stream.write(left) :]
    stream.flush()


def receive(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    """(kind, bytes) of the next frame; None at the end of the stream."""
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
    """A table and bytes as one."""
    text = dumps(table).encode()
    return len(text).to_bytes(4, "little") + text + data


def unpack(packed: bytes) -> tuple[dict[str, Any], bytes]:
    """(table, bytes) of `pack`."""
    end = 4 + int.from_bytes(packed[:4], "little")
    return json.loads(packed[4:end]), packed[end:]
