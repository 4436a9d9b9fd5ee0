"""Experiments and suites as TOML: read by the standard library, written here."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invprob.errors import BadInput, BadParams


def read(path: Path) -> dict[str, Any]:
    """The raw table of an experiment file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(
            f"there is no experiment file {path}", "give the path of a TOML file"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        hint = "give a TOML file, such as experiment.toml of a run"
        raise BadInput(f"experiment file {path} cannot be read: {reason}", hint) from None
    except tomllib.TOMLDecodeError as error:
        raise BadParams(f"{path} is not TOML: {error}", "see an experiment.toml of a run") from None


def dumps(data: Mapping[str, Any]) -> str:
    """A dictionary of scalars, lists, tables and lists of tables as TOML."""
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
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else json.dumps(text)


def _scalar(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    if isinstance(value, (bool, int, str)):
        return json.dumps(value)
    if isinstance(value, float):
        return repr(value)
    raise TypeError(f"not a TOML value: {value!r}")
