"""On which line of a TOML file something stands, for messages."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_PAIR = re.compile(r"\s*([A-Za-z0-9_\-\"'. ]+?)\s*=")


def places(text: str) -> dict[tuple[str | int, ...], int]:
    """Find every table and key of a TOML file.

    Args:
        text: The file.

    Returns:
        Line numbers, from 1, by path as pydantic writes it.
    """
    found: dict[tuple[str | int, ...], int] = {}
    counts: dict[tuple[str | int, ...], int] = {}
    table: tuple[str | int, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = ()
            names = [name.strip().strip("\"'") for name in header[2].split(".")]
            for i, name in enumerate(names):
                table = (*table, name)
                if header[1] == "[[" and i == len(names) - 1:
                    counts[table] = counts.get(table, -1) + 1
                if table in counts:
                    table = (*table, counts[table])
            found.setdefault(table, number)
        elif pair := _PAIR.match(line):
            keys = [key.strip().strip("\"'") for key in pair[1].split(".")]
            found.setdefault((*table, *keys), number)
    return found


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Find a path in a TOML file.

    Args:
        text: The file.
        path: Keys and indices.

    Returns:
        The line, from 1, of the path or of the nearest part of it that is written.
    """
    found = places(text)
    for end in range(len(path), 0, -1):
        if (line := found.get(tuple(path[:end]))) is not None:
            return line
    return 1
