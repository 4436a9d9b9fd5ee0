"""Work on many pictures that is cut into chunks: what is finished is on disk and is not redone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from invprob import paths
from invprob.errors import BadInput
from invprob.io import files
from invprob.io.json_text import dumps

BEGUN = "begun.json"
"""Says what a folder that is not finished was begun for."""


@dataclass(frozen=True)
class Cut:
    """How pictures are shared out among chunks.

    Attributes:
        total: The number of pictures.
        size: How many of them a chunk has, the last one at most.
    """

    total: int
    size: int

    def __len__(self) -> int:
        return -(-self.total // self.size)

    def numbers(self, k: int) -> range:
        """The pictures of a chunk.

        Args:
            k: Its number, from 0.

        Returns:
            Their numbers, from 0.
        """
        return range(k * self.size, min((k + 1) * self.size, self.total))


class Chunked(Protocol):
    """Work that is done chunk after chunk."""

    @property
    def cut(self) -> Cut:
        """How it is cut."""
        ...

    def is_finished(self, k: int) -> bool:
        """Say whether all of a chunk is on disk.

        Args:
            k: Its number, from 0.

        Returns:
            True if it is.
        """
        ...


def left(work: Chunked) -> list[int]:
    """List the chunks that are not finished.

    Args:
        work: The work.

    Returns:
        Their numbers, from 0.
    """
    return [k for k in range(len(work.cut)) if not work.is_finished(k)]


def finished(work: Chunked) -> int:
    """Count the pictures of the chunks that are finished.

    Args:
        work: The work.

    Returns:
        Their number.
    """
    return sum(len(work.cut.numbers(k)) for k in range(len(work.cut)) if work.is_finished(k))


def size_of(out: Path) -> int | None:
    """Read the size of the chunks of a folder that is not finished.

    Args:
        out: The folder.

    Returns:
        How many pictures a chunk has; None where nothing was begun.

    Raises:
        BadInput: If the file that says it is damaged.
    """
    found = _begun(out)
    return None if found is None else int(found["size"])


def begin(out: Path, about: Mapping[str, Any], size: int) -> None:
    """Begin a folder, or go on with one that was begun for the same.

    Args:
        out: The folder; it is new, empty, or begun.
        about: All that its content depends on, as JSON has it.
        size: How many pictures a chunk has.

    Raises:
        BadInput: If it holds something else.
    """
    out = paths.made(out)
    now = json.loads(dumps({"about": about, "size": size}))
    found = _begun(out)
    if found is None:
        if any(out.iterdir()):
            raise BadInput(f"folder {out} is not empty", "give another --out")
        files.write_json(out / BEGUN, now)
    elif found != now:
        raise BadInput(
            f"{out} was begun with other pictures, parameters or weights",
            "give another --out, or repeat the command that began it",
        )


def end(out: Path) -> None:
    """Say that a folder is finished.

    Args:
        out: The folder.
    """
    (out / BEGUN).unlink(missing_ok=True)


def _begun(out: Path) -> dict[str, Any] | None:
    path = out / BEGUN
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"about": dict(found["about"]), "size": int(found["size"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{path} is damaged", "give another --out") from None
