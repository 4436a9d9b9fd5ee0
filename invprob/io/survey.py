"""What is found out about many pictures before any work on them."""

from __future__ import annotations

from collections.abc import Iterable

from invprob.io.collection import ImageFile
from invprob.io.decode import check


def sound(files: Iterable[ImageFile]) -> tuple[ImageFile, ...]:
    """Look whether every picture can be decoded, so that a broken one stops nothing later.

    Args:
        files: The pictures.

    Returns:
        The same pictures.

    Raises:
        BadInput: If one is gone, damaged or truncated.
    """
    found = tuple(files)
    for file in found:
        with file.open() as stream:
            check(stream, file.label)
    return found


def of_each_size(files: Iterable[ImageFile]) -> list[ImageFile]:
    """Choose a picture of each size, to try what is done with them.

    Args:
        files: The pictures.

    Returns:
        The last of each size, which is told by the header.
    """
    return list({file.size(): file for file in files}.values())
