"""What torch.save wrote before zip files: four pickles, a list of keys, then the storages."""

from __future__ import annotations

import struct
from typing import Any

from invprob.errors import shown
from invprob.weights.unpickle.inert import Name
from invprob.weights.unpickle.limits import Budget, Refused
from invprob.weights.unpickle.machine import Machine, Vocabulary
from invprob.weights.unpickle.storage import Storage

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001


def read(data: memoryview, budget: Budget, vocabulary: Vocabulary, depth: int = 0) -> Any:
    """Read a legacy file, or the bytes that NVlabs pickles keep of a storage.

    Args:
        data: The file.
        budget: What it may use.
        vocabulary: What its pickles may call and make.
        depth: How many pickles lie around it.

    Returns:
        Its content as a tree.

    Raises:
        Refused: If it is not such a file, or asks for more.
    """
    magic, at = Machine(data, budget, vocabulary, depth=depth).run()
    if type(magic) is not int or magic != MAGIC:
        raise Refused("it has a pickle in a pickle that torch.save did not write")
    return after_magic(data, at, budget, vocabulary, depth)


def after_magic(
    data: memoryview, at: int, budget: Budget, vocabulary: Vocabulary, depth: int = 0
) -> Any:
    """Read the rest of a legacy file whose first pickle was the magic number.

    Args:
        data: The file.
        at: Where the second pickle begins.
        budget: What it may use.
        vocabulary: What its pickles may call and make.
        depth: How many pickles lie around it.

    Returns:
        Its content as a tree.

    Raises:
        Refused: If it is not such a file, or asks for more.
    """
    storages: dict[str, Storage] = {}

    def find(pid: Any) -> Storage | Name:
        if isinstance(pid, tuple) and pid[:1] == ("module",) and isinstance(pid[1], Name):
            return pid[1]  # the class of a whole module; what follows is its source code
        if not isinstance(pid, tuple) or len(pid) not in (5, 6):
            raise Refused("it refers to something that is not a storage")
        _, kind, key, _, size, *views = pid
        if any(v is not None for v in views) or not isinstance(key, str):
            raise Refused("it has a storage that is a view of another")
        if key not in storages:
            storages[key] = Storage(kind, size, budget)
        return storages[key]

    version, at = Machine(data, budget, vocabulary, depth=depth).run(at)
    system, at = Machine(data, budget, vocabulary, depth=depth).run(at)
    if type(version) is not int or version != VERSION or not isinstance(system, dict):
        raise Refused(f"it is of an unknown version {shown(version)} of torch.save")
    if system.get("little_endian") is not True:
        raise Refused("its numbers are big-endian")
    tree, at = Machine(data, budget, vocabulary, find, depth).run(at)
    keys, at = Machine(data, budget, vocabulary, depth=depth).run(at)
    # keys are looked at one by one: the hash of a tuple can be made to recurse without end
    named = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not named or len(keys) != len(storages) or set(keys) != storages.keys():
        raise Refused("its list of storages is not that of its tensors")
    for key in keys:
        storage = storages[key]
        if len(data) - at < 8 + storage.bytes:
            raise Refused("it is cut short")
        (count,) = struct.unpack_from("<q", data, at)
        if count != len(storage.flat):
            raise Refused(f"it has a storage of {count} numbers for {len(storage.flat)}")
        storage.fill(data[at + 8 : at + 8 + storage.bytes])
        at += 8 + storage.bytes
    return tree
