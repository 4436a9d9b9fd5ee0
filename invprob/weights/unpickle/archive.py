"""The zip files that torch.save writes: entries that are stored, side by side, and nothing else.

Only the directory at the end is believed, and what it says must fit into the file; so there is no
entry that grows when it is read, and none is ever written to a disk.
"""

from __future__ import annotations

import itertools
import stat
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from invprob.errors import shown
from invprob.weights.unpickle.limits import ENTRIES, Budget, Refused
from invprob.weights.unpickle.machine import Machine, Vocabulary
from invprob.weights.unpickle.storage import Storage

_ENTRY = struct.Struct("<4s6H3I5H2I")  # of the directory, without names and extras
_LONG, _SHORT = 0xFFFFFFFF, 0xFFFF


def read(data: memoryview, budget: Budget, vocabulary: Vocabulary) -> Any:
    """Read a checkpoint that is a zip file.

    Args:
        data: The file.
        budget: What it may use.
        vocabulary: What its pickles may call and make.

    Returns:
        Its content as a tree.

    Raises:
        Refused: If it is not such a file, or asks for more.
    """
    entries = _entries(data)
    roots = [name[: -len("data.pkl")] for name in entries if name.endswith("/data.pkl")]
    if len(roots) != 1 or not all(name.startswith(roots[0]) for name in entries):
        raise Refused("it is a zip file, but none that torch.save writes")
    root = roots[0]
    if bytes(entries.get(root + "byteorder", b"little")) != b"little":
        raise Refused("its numbers are big-endian")
    storages: dict[str, Storage] = {}

    def find(pid: Any) -> Storage:
        if not isinstance(pid, tuple) or len(pid) != 5:
            raise Refused("it refers to something that is not a storage")
        _, kind, key, _, size = pid
        if not isinstance(key, str) or f"{root}data/{key}" not in entries:
            raise Refused(f"it has no storage {shown(key)}")
        if key not in storages:
            storages[key] = Storage(kind, size, budget)
            storages[key].fill(entries[f"{root}data/{key}"])
        return storages[key]

    tree, _ = Machine(entries[root + "data.pkl"], budget, vocabulary, find).run()
    return tree


def _entries(data: memoryview) -> dict[str, memoryview]:
    found: dict[str, memoryview] = {}
    sums, spans = {}, []
    listed = list(_listed(data))
    if any(name.endswith("/constants.pkl") for name, *_ in listed):
        raise Refused("it is a TorchScript program; save the state_dict of the network instead")
    for name, extra, flags, method, crc, packed, size, attributes, offset in listed:
        if name in found:
            raise ValueError(f"entry {name}")
        if stat.S_ISLNK(attributes >> 16):
            raise Refused(f"it has the symbolic link {shown(name)}")
        if method or flags & 1:
            raise Refused(f"its entry {shown(name)} is compressed or encrypted")
        size, packed, offset = _large([size, packed, offset], extra)
        start = _content(data, offset, name)
        if packed != size or start + size > len(data):
            raise ValueError(f"entry {name} is cut short")
        found[name], sums[name] = data[start : start + size], crc
        spans.append((offset, start + size))
    spans.sort()
    if any(end > start for (_, end), (start, _) in itertools.pairwise(spans)):
        raise Refused("it is a zip file of entries that overlap")
    for name, content in found.items():  # now no byte is read twice
        if zlib.crc32(content) != sums[name]:
            raise Refused(f"it is damaged: the checksum of {shown(name)} is another")
    return found


def _listed(data: memoryview) -> Iterator[tuple[Any, ...]]:
    """What the directory says of each entry."""
    count, at = _directory(data)
    if count > ENTRIES:
        raise Refused(f"it is a zip file of {count} entries, more than {ENTRIES}")
    for _ in range(count):
        mark, _, _, flags, method, _, _, crc, packed, size, *rest = _ENTRY.unpack_from(data, at)
        name_size, extra_size, comment_size, _, _, attributes, offset = rest
        at += _ENTRY.size
        name = str(data[at : at + name_size], "utf-8")
        extra = data[at + name_size : at + name_size + extra_size]
        at += name_size + extra_size + comment_size
        if mark != b"PK\x01\x02":
            raise ValueError(f"entry {name}")
        yield name, extra, flags, method, crc, packed, size, attributes, offset


def _directory(data: memoryview) -> tuple[int, int]:
    """(number of entries, where the directory begins)."""
    tail = max(0, len(data) - 22 - _SHORT)
    end = tail + bytes(data[tail:]).rindex(b"PK\x05\x06")
    count, _, at = struct.unpack_from("<HII", data, end + 10)
    if count == _SHORT or at == _LONG:
        mark, _, far = struct.unpack_from("<4sIQ", data, end - 20)
        if mark != b"PK\x06\x07" or bytes(data[far : far + 4]) != b"PK\x06\x06":
            raise ValueError("no directory")
        count, _, at = struct.unpack_from("<QQQ", data, far + 32)
    return count, at


def _large(numbers: list[int], extra: memoryview) -> list[int]:
    """Those of the numbers that do not fit into 32 bits stand in a field of their own (zip64)."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 1:
            values = iter(struct.unpack_from(f"<{size // 8}Q", extra, 4))
            return [next(values, _LONG) if n == _LONG else n for n in numbers]
        extra = extra[4 + size :]
    return numbers


def _content(data: memoryview, offset: int, name: str) -> int:
    """Where the content of the entry begins whose own header stands at `offset`."""
    mark, name_size, extra_size = struct.unpack_from("<4s22xHH", data, offset)
    start = int(offset + 30 + name_size + extra_size)
    if mark != b"PK\x03\x04" or str(data[offset + 30 : offset + 30 + name_size], "utf-8") != name:
        raise ValueError(f"entry {name} has another header")
    return start
