"""The one place that replaces files and folders: a reader sees the old or the whole new one."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from invprob.io import json_text


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, which takes the place of another when the block ends.

    The new content is on disk before the old one goes. If the block raises, `path` stays as it was
    and nothing else is left in its folder.

    Args:
        path: The file or folder to replace.

    Yields:
        The path to write to.
    """
    # short and without the name of `path`, which may be as long as the file system allows
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """Give a folder to fill, which gets its name when the block ends; nothing is left if it raises.

    Args:
        place: The folder to make.

    Yields:
        The folder to fill.

    Raises:
        FileExistsError: If somebody else was faster.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{secrets.token_hex(8)}.part")
    part.mkdir()
    try:
        yield part
        if place.exists():
            raise FileExistsError(str(place))
        os.rename(part, place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_bytes(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Replace the content of a file.

    Args:
        path: The file.
        data: The new content.

    Raises:
        OSError: If it cannot be written.
    """
    with replacing(path) as part:
        part.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Replace the content of a file, in UTF-8 with the line ends as they are given.

    Args:
        path: The file.
        text: The new content.

    Raises:
        OSError: If it cannot be written.
    """
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Replace the content of a file by JSON; NaN and infinities become null.

    Args:
        path: The file.
        value: Nested dictionaries and lists.

    Raises:
        OSError: If it cannot be written.
    """
    write_text(path, json_text.dumps(value, indent=2) + "\n")
