"""The operations of a pickle, read one by one (Python's pickletools describes the format).

Those of protocols 2 to 5 that data needs. Left out are the text opcodes of protocol 0, those that
exist to call things (INST, OBJ, EXT, NEWOBJ_EX) and out-of-band buffers. Long byte strings stay
views of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from invprob.errors import shown
from invprob.weights.unpickle.limits import NAME, TEXT, Refused

_NAMES: dict[str, str] = {
    "\x80": "PROTO:B", "\x95": "FRAME:Q", ".": "STOP", "(": "MARK", "0": "POP", "1": "POP_MARK",
    "2": "DUP", "N": "NONE", "\x88": "TRUE", "\x89": "FALSE", "K": "INT:B", "M": "INT:H",
    "J": "INT:i", "\x8a": "LONG:bytes B", "G": "FLOAT:d", "\x8c": "PUSH:text B",
    "X": "PUSH:text I", "\x8d": "PUSH:text Q", "C": "PUSH:bytes B", "B": "PUSH:bytes I",
    "\x8e": "PUSH:bytes Q", "U": "PUSH:latin B", "T": "PUSH:latin I", "]": "LIST", "a": "APPEND",
    "e": "APPENDS", ")": "EMPTY_TUPLE", "t": "TUPLE", "\x85": "TUPLE1", "\x86": "TUPLE2",
    "\x87": "TUPLE3", "}": "DICT", "s": "SETITEM", "u": "SETITEMS", "\x8f": "SET",
    "\x90": "ADDITEMS", "\x91": "FROZENSET", "c": "GLOBAL:names", "\x93": "STACK_GLOBAL",
    "R": "REDUCE", "\x81": "NEWOBJ", "b": "BUILD", "Q": "PERSISTENT", "q": "PUT:B", "r": "PUT:I",
    "\x94": "MEMOIZE", "h": "GET:B", "j": "GET:I",
}  # fmt: skip
TABLE = {
    ord(code): (name, *kind.rpartition(" ")[::2]) if ":" in entry else (name, "", "")
    for code, entry in _NAMES.items()
    for name, _, kind in [entry.partition(":")]
}


def operations(data: memoryview, start: int) -> Iterator[tuple[str, Any, int]]:
    """Split a pickle into operations, up to STOP.

    Args:
        data: The pickle.
        start: Where it begins.

    Yields:
        Name, argument, and where the next operation begins.

    Raises:
        Refused: If an operation is not allowed.
    """
    at = start
    while True:
        code = data[at]
        if code not in TABLE:
            raise Refused(f"it has the pickle operation {shown(chr(code))}, which is not read")
        name, how, width = TABLE[code]
        argument, at = _argument(data, at + 1, how, width)
        yield name, argument, at
        if name == "STOP":
            return


def _argument(data: memoryview, at: int, how: str, width: str) -> tuple[Any, int]:
    if not width:
        return None, at
    if width == "names":
        module, at = _line(data, at)
        name, at = _line(data, at)
        return (module, name), at
    order = ">" if width == "d" else "<"  # all but floats are little-endian
    (value,) = struct.unpack_from(order + width, data, at)
    at += struct.calcsize(order + width)
    if not how:
        return value, at
    if value > len(data) - at:
        raise Refused(f"it is cut short: a string of {value} bytes, {len(data) - at} are left")
    raw = data[at : at + value]
    at += value
    if how == "bytes":
        return raw, at
    if value > TEXT:
        raise Refused(f"it has a string of {value} bytes, more than {TEXT}")
    return str(raw, "utf-8" if how == "text" else "latin-1"), at


def _line(data: memoryview, at: int) -> tuple[str, int]:
    raw = bytes(data[at : at + NAME])
    end = raw.find(b"\n")
    if end < 0:
        raise Refused(f"it has a name of more than {NAME} bytes")
    return raw[:end].decode(), at + end + 1
