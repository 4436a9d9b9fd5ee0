"""Experiments and suites as TOML: read by the standard library, written here."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invprob.errors import BadInput, BadParams, shown

BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""How editors and shells on Windows begin a text, and how it goes on."""

_ESCAPES = {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}


def read(path: Path) -> dict[str, Any]:
    """The raw table of an experiment file.

    Args:
        path: The file.

    Returns:
        What it holds.

    Raises:
        BadInput: If the file is missing or is not text.
        BadParams: If it is not TOML.
    """
    try:
        return parse(read_text(path, "experiment file"))
    except tomllib.TOMLDecodeError as error:
        raise BadParams(f"{path} is not TOML: {error}", "see an experiment.toml of a run") from None


def parse(text: str) -> dict[str, Any]:
    """The raw table of a text.

    Args:
        text: The text.

    Returns:
        What it holds.

    Raises:
        TOMLDecodeError: If it is not TOML, or beyond what Python reads.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("its lists or tables are nested too deeply") from None
    except ValueError:
        raise tomllib.TOMLDecodeError("a number in it has too many digits") from None


def read_text(path: Path, what: str) -> str:
    """The text of a file in UTF-8 or, with its mark of byte order, in UTF-16.

    Args:
        path: The file.
        what: What the message calls it.

    Returns:
        The text without a mark of byte order, its line ends as they are.

    Raises:
        BadInput: If the file is missing, cannot be read or is not text.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"there is no {what} {path}", "give the path of a TOML file") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"{what} {path} cannot be read: {reason}", "give a TOML file") from None
    encoding = next((name for mark, name in BOMS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise BadInput(
            f"{what} {path} is not text in UTF-8", "save it as UTF-8, or give a TOML file"
        ) from None


def dumps(data: Mapping[str, Any]) -> str:
    """Write a table as TOML.

    Args:
        data: A dictionary of scalars, lists, tables and lists of tables.

    Returns:
        Text that `tomllib` reads to the same; None is left out.

    Raises:
        BadParams: If a text cannot be encoded.
    """
    lines: list[str] = []
    _write_table(data, (), lines)
    return "\n".join(lines).strip() + "\n"


def _write_table(table: Mapping[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    nested = {}
    for key, value in table.items():
        if value is None:
            continue
        tables = isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping)
        if isinstance(value, Mapping) or tables:
            nested[key] = value
        else:
            lines.append(f"{_key(key)} = {_scalar(value)}")
    for key, value in nested.items():
        inner = (*path, _key(key))
        for item in [value] if isinstance(value, Mapping) else value:
            heading = ".".join(inner)
            lines += ["", f"[{heading}]" if isinstance(value, Mapping) else f"[[{heading}]]"]
            _write_table(item, inner, lines)


def _key(key: Any) -> str:
    text = str(key)
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _text(text)


def _scalar(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (int, float)):
        return repr(value)
    raise TypeError(f"not a TOML value: {value!r}")


def _text(text: str) -> str:
    """A basic string: raw but for quotes, backslashes and control characters."""
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise BadParams(
            f"the text {shown(text)} cannot be encoded in UTF-8", "write it, or rename the file"
        )
    return '"' + "".join(map(_character, text)) + '"'


def _character(c: str) -> str:
    if c in _ESCAPES:
        return _ESCAPES[c]
    return f"\\u{ord(c):04X}" if c < " " or c == "\x7f" else c
