"""Opening a file by its content, whatever its name says."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any

from invprob.errors import BadWeights, shown
from invprob.io import tensor_files
from invprob.weights.unpickle import archive, finite, legacy
from invprob.weights.unpickle.known import VOCABULARY
from invprob.weights.unpickle.limits import Budget, Refused
from invprob.weights.unpickle.machine import Machine, Vocabulary

DAMAGED = (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error)
HINT = "only tensors and plain values are read, nothing is run; get the file from its authors"


def open_tree(path: Path) -> Any:
    """Open a file of weights; takes memory and time in proportion to the file at most.

    Args:
        path: The file.

    Returns:
        A tree of dict, list, tuple, set, str, bytes (long ones as memoryview), numbers, None,
        tensors on the CPU, `Inert` and `Name`.

    Raises:
        BadWeights: If it is not such a file, is damaged, or is refused.
    """
    if not path.is_file():
        raise BadWeights(f"there is no file {path}", "give the path of a file of weights")
    if path.stat().st_size < 16:
        raise BadWeights(f"{path} is not a file of weights: it is too short", HINT)
    with path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    size = int.from_bytes(data[:8], "little")
    if size <= min(len(data) - 8, tensor_files.LONGEST) and data[8] == ord("{"):
        return tensor_files.read(path)[0]
    try:
        return read(data)
    except Refused as refusal:
        raise BadWeights(f"{path} is refused: {refusal}", HINT) from None


def read(data: memoryview, vocabulary: Vocabulary = VOCABULARY) -> Any:
    """Read a checkpoint or a pickle.

    Args:
        data: The file.
        vocabulary: What its pickles may call and make.

    Returns:
        Its content as a tree.

    Raises:
        Refused: If it cannot be read; nothing else is raised.
    """
    budget = Budget(len(data))
    try:
        if bytes(data[:4]) == b"PK\x03\x04":
            tree = archive.read(data, budget, vocabulary)
        elif data[0] == 0x80:
            tree, at = Machine(data, budget, vocabulary).run()
            if type(tree) is int and tree == legacy.MAGIC:
                tree = legacy.after_magic(data, at, budget, vocabulary)
        else:
            raise Refused("it is neither safetensors, nor a checkpoint of PyTorch, nor a pickle")
    except DAMAGED as error:
        raise Refused(f"it is damaged ({shown(str(error))})") from None
    finite.check(tree)
    return tree
