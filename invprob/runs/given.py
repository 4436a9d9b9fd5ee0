"""What `solve` is given in Python: paths, which an experiment names, or what is in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from invprob.io import images
from invprob.runs import in_memory
from invprob.runs.in_memory import InMemoryInput


def inputs(y: Any, truth: Any) -> tuple[dict[str, Any], InMemoryInput | None]:
    """Tell what the experiment names, and what is in memory instead.

    Args:
        y: A measurement, or its path; None where there is none.
        truth: Pictures, or their paths.

    Returns:
        Fields of the experiment, and what stands in for files that it would name.

    Raises:
        BadInput: If something is neither a path nor numbers.
    """
    if isinstance(y, (str, os.PathLike)):
        return {"measurement": os.fspath(y)}, None
    if y is not None:
        return {}, InMemoryInput(measurement=in_memory.numbers(y, "y", holes=True))
    if (named := _paths(truth)) is not None:
        return {"images": named}, None
    return {}, InMemoryInput(pictures=in_memory.pictures(truth))


def _paths(truth: Any) -> list[str] | None:
    """The paths that `truth` consists of; None where it is pictures."""
    parts = list(truth) if isinstance(truth, (list, tuple)) else [truth]
    texts = [os.fspath(part) for part in parts if isinstance(part, (str, os.PathLike))]
    return texts if texts and len(texts) == len(parts) else None


def pictures(truth: Any) -> Sequence[images.ImageFile | in_memory.Picture]:
    """List the pictures of `truth`.

    Args:
        truth: Pictures, or their paths.

    Returns:
        What reads each of them.

    Raises:
        BadInput: If one is missing, or is neither a path nor numbers.
    """
    named = _paths(truth)
    return in_memory.pictures(truth) if named is None else images.gather(named)
