"""The one place that turns what a user writes into a path.

Every option, argument and parameter that takes a path comes through here: on the command line as
`invprob.cli.options.PATH`, in parameters as `PathText` or `InputPath`, in Python by `expand`.
"""

from __future__ import annotations

import os
import re
import typing
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from invprob.errors import BadInput, shown

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def expand(given: str | os.PathLike[str]) -> Path:
    """The path that a text stands for; it need not exist.

    ``~`` and ``~/…`` are the home folder. ``~name`` is a file or folder of that very name if there
    is one, else the home folder of the user `name`, else a path of that very name.

    Args:
        given: What the user wrote.

    Returns:
        The path, relative where it was given so.

    Raises:
        BadInput: If the text is empty, an address such as ``https://…``, not encodable in UTF-8, or
            holds a zero byte; if there is no home folder.
    """
    text = os.fspath(given)
    text = os.fsdecode(text) if isinstance(text, bytes) else text
    _check(text)
    if not text.startswith("~"):
        return Path(text)
    literal = Path(text)
    owner = literal.parts[0]
    if owner != "~" and os.path.lexists(owner):
        return literal
    home = os.path.expanduser(owner)
    if home != owner:
        return Path(home, *literal.parts[1:])
    if owner == "~":
        raise BadInput(f"{text} cannot be found: there is no home folder", "give the whole path")
    return literal


def existing(given: str | os.PathLike[str]) -> Path:
    """The path of a file or folder that is there.

    Args:
        given: What the user wrote.

    Returns:
        Its path.

    Raises:
        BadInput: If there is none, or it is a device, a pipe or a socket.
    """
    path = expand(given)
    try:
        if path.is_file() or path.is_dir():
            return path
        there = path.exists()
    except OSError as error:
        raise unreadable(path, error) from None
    if there:
        raise BadInput(
            f"{path} is a device or a pipe, not a file", "write what comes from it to a file first"
        )
    hint = "standard input is not read; write it to a file first" if str(path) == "-" else ""
    raise BadInput(f"there is no file or folder {path}", hint or "check the path")


def made(given: str | os.PathLike[str]) -> Path:
    """The path of a folder to write to, which is made if it is not there.

    Args:
        given: What the user wrote.

    Returns:
        Its path.

    Raises:
        BadInput: If it cannot be made, or is a file.
    """
    path = expand(given)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        told = "it is a file" if path.is_file() else reason(error)
        raise BadInput(f"folder {path} cannot be written: {told}", "give another folder") from None
    return path


def unreadable(path: Path | str, error: Exception) -> BadInput:
    """The fault behind an exception of the file system, or of what reads a file.

    Args:
        path: The file.
        error: What was raised.

    Returns:
        A sentence with the reason, in one line.
    """
    return BadInput(f"{path} cannot be read: {reason(error)}", "check the file")


def reason(error: Exception) -> str:
    """What an exception says, to go on after a colon.

    Args:
        error: The exception.

    Returns:
        Its first line, from a lower-case letter on; the name of its class if it says nothing.
    """
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    text = text.strip().split("\n")[0].rstrip(".")
    return text[:1].lower() + text[1:] if text else type(error).__name__


def check_encoding(text: str) -> None:
    """Refuse a name that no file of a run could hold.

    Args:
        text: A path.

    Raises:
        BadInput: If it is not UTF-8.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadInput(
            f"the name {shown(text)} is not UTF-8, and could not be written to an experiment",
            "rename the file, e.g. with convmv or detox",
        ) from None


def _check(text: str) -> None:
    if not text:
        raise BadInput("an empty text is given as a path", "write . for the current folder")
    check_encoding(text)
    if "\0" in text:
        raise BadInput(f"the path {shown(text)} holds a zero byte", "check the path")
    if _ADDRESS.match(text):
        raise BadInput(
            f"{text} is an address, and nothing is downloaded", "fetch the file and give its path"
        )


def _text(value: Any) -> Any:
    """A path as text, expanded; what is neither is left to pydantic."""
    return str(expand(value)) if isinstance(value, (str, os.PathLike)) else value


PATH_TEXT = BeforeValidator(_text)
"""Marks fields that hold a path."""
PathText = Annotated[str, PATH_TEXT]
"""The type of a parameter that holds a path, or the name of weights."""


AUTO = "auto"
"""What stands in the place of a path where a mask is found in the picture itself."""


class _Input:
    """Marks fields whose file must be there before a run begins."""


INPUT = _Input()
InputPath = Annotated[str, PATH_TEXT, INPUT]
"""The type of a parameter that holds the path of a file to read."""


def marked(field: FieldInfo, mark: Any) -> bool:
    """Whether a parameter, or what it may be besides None, has a mark.

    Args:
        field: The parameter.
        mark: `INPUT` for a file that is read, `PATH_TEXT` for a path of any kind.

    Returns:
        True if it has.
    """
    return mark in field.metadata or any(
        mark in getattr(part, "__metadata__", ()) for part in typing.get_args(field.annotation)
    )
