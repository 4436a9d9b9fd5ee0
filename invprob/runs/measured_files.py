"""The files of what was measured: one, or those of a folder with a measurement in each."""

from __future__ import annotations

import os

from invprob import paths
from invprob.io import arrays, collection
from invprob.io.collection import ImageFile


def of(place: str | os.PathLike[str], limit: int | None = None) -> tuple[ImageFile, ...]:
    """Find the files of measurements.

    Args:
        place: A file or a folder.
        limit: Take only so many of a folder; None: all.

    Returns:
        Pictures and arrays; those of a folder with unique names, in order.

    Raises:
        BadInput: If there are none.
    """
    path = paths.existing(place)
    if not path.is_dir():
        return (ImageFile(collection.safe(path.stem), path),)
    return tuple(collection.gather([path], arrays.SUFFIXES)[:limit])
