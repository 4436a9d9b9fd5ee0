"""The terminal: results in tables and lines, on stdout. Only this file and `meter` know rich."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDE = 1000
"""The width of a table that no terminal shows, so that a row is a line."""

RULES = Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")
"""A rule under the header and above the footer of a table, and nothing else."""

GAP = 2
"""Blanks between the columns of a table."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its head.
        style: The style of its text, as rich calls it.
        number: Whether it stands at the right.
        wrap: Whether long texts take several lines.
        spare: How soon it is left out of a narrow terminal; 0 for never.
    """

    title: str
    style: str = ""
    number: bool = False
    wrap: bool = False
    spare: int = 0
    """Of 1 or more: it may be left out where there is no room, the highest first."""


def stdout() -> Console:
    """Where results go."""
    width = None if sys.stdout.isatty() else WIDE
    return Console(width=width, highlight=False, soft_wrap=False)


def say(text: str = "", style: str = "") -> None:
    """Write a line of plain text to stdout; nothing in it is markup, and it is never wrapped.

    Args:
        text: The line.
        style: Its style, as rich calls it.
    """
    stdout().print(Text(text, style=style), soft_wrap=True)


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], footer: int = 0) -> list[str]:
    """Write a table to stdout.

    Args:
        columns: The columns.
        rows: The texts of each row.
        footer: How many of the last rows stand under a rule.

    Returns:
        The titles of the columns that were left out because the terminal is narrow.
    """
    rows, hidden = list(rows), []
    room = stdout().width
    titles = [c.title for c in columns]
    while _width(titles, rows) > room:
        titles = [_folded(c, k, rows) for k, c in enumerate(columns)]
        k = max(range(len(columns)), key=lambda k: columns[k].spare)
        if _width(titles, rows) <= room or not columns[k].spare:
            break
        hidden.append(columns[k].title)
        columns = [c for i, c in enumerate(columns) if i != k]
        titles = [c.title for c in columns]
        rows = [[cell for i, cell in enumerate(row) if i != k] for row in rows]
    grid = Table(
        box=RULES,
        show_edge=False,
        pad_edge=False,
        header_style="bold",
        padding=(0, 1, 0, 0),
    )
    for c, title in zip(columns, titles, strict=True):
        # what is read in columns keeps its line, what is read in sentences may fold
        grid.add_column(
            title,
            style=c.style,
            justify="right" if c.number else "left",
            no_wrap=not c.wrap,
            overflow="fold" if c.wrap else "ellipsis",
        )
    for i, row in enumerate(rows):
        grid.add_row(*map(Text, row), end_section=footer > 0 and i == len(rows) - footer - 1)
    _trimmed(grid)
    return hidden[::-1]


def _width(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The width of a table in which nothing is broken but titles at their line ends."""
    widths = [
        max(cell_len(line) for line in [*title.split("\n"), *(row[k] for row in rows)])
        for k, title in enumerate(titles)
    ]
    return sum(widths) + GAP * (len(widths) - 1)


def _folded(column: Column, k: int, rows: Sequence[Sequence[str]]) -> str:
    """The title in several lines, no longer than the cells below it where words allow."""
    if not column.number:
        return column.title
    words = column.title.split()
    room = max(map(cell_len, [*words, *(row[k] for row in rows)]))
    lines = [words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]} {word}"
        lines[-1:] = [longer] if cell_len(longer) <= room else [lines[-1], word]
    return "\n".join(lines)


def entries(pairs: Iterable[tuple[str, str]], style: str = "") -> None:
    """Write names and what is said of them to stdout, indented.

    Args:
        pairs: Names and texts.
        style: The style of the names, as rich calls it.
    """
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style=style)
    grid.add_column()
    for name, text in pairs:
        grid.add_row(Text(name), Text(text))
    _trimmed(Padding(grid, (0, 0, 0, 2), expand=False))


def _trimmed(thing: RenderableType) -> None:
    """Print without the blanks that end lines."""
    console = stdout()
    with console.capture() as captured:
        console.print(thing)
    console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def clock(seconds: float) -> str:
    """Write a duration: 3.2 s, 17 s, 12:30 or 1:02:03.

    Args:
        seconds: The duration.

    Returns:
        The text.
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
