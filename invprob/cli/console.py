"""The terminal: the only file that knows rich. Results go to stdout, progress to stderr."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Any, Self, cast

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from invprob.cli.streams import Patient

WIDE = 1000
"""The width of a table that no terminal shows, so that a row is a line."""

RULES = Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")
"""A rule under the header and above the footer of a table, and nothing else."""

GAP = 2
"""Blanks between the columns of a table."""

LINE_SECONDS = 5.0
FRAME_SECONDS = 0.1


@dataclass(frozen=True)
class Column:
    """A column of a table."""

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
    """A line of plain text on stdout; nothing in it is markup, and it is never wrapped."""
    stdout().print(Text(text, style=style), soft_wrap=True)


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], footer: int = 0) -> list[str]:
    """A table on stdout; the last `footer` rows stand under a rule.

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
    """Names and what is said of them, indented, on stdout."""
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
    """A duration as 3.2 s, 17 s, 12:30 or 1:02:03."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


@dataclass
class Pace:
    """Units (steps, say) per second since `begin`, and what is left at that pace."""

    first: int
    total: int
    label: str = ""
    unit: str = ""
    begin: float = field(default_factory=time.monotonic)

    def words(self, done: int) -> tuple[str, str, str]:
        """(pace, elapsed, left) after `done` steps."""
        elapsed = time.monotonic() - self.begin
        pace = (done - self.first) / elapsed if elapsed > 0 else 0.0
        if pace <= 0:
            return "", clock(elapsed), ""
        left = clock((self.total - done) / pace) if done < self.total else ""
        of, per = (f" {self.unit}s", f"s/{self.unit}") if self.unit else ("", "s each")
        rate = f"{pace:.1f}{of}/s" if pace >= 1 else f"{1 / pace:.1f} {per}"
        return rate, clock(elapsed), left


class Meter:
    """Progress on stderr: a live view on a terminal, else a line every few seconds.

    A context manager, so that the terminal is left in order also after an error or Ctrl-C.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(file=cast(IO[str], Patient(sys.stderr)), highlight=False)
        self._quiet = quiet
        self._live: _Live | None = None
        self._pace = Pace(0, 0)
        self._shown = 0.0
        self._notices = _Notices(self)

    def __enter__(self) -> Self:
        self._notices.begin()
        if self._console.is_terminal and not self._console.is_dumb_terminal and not self._quiet:
            self._live = _Live(self._console)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._notices.end()
        if self._live is not None:
            self._live.stop()
            if self._live.tasks and error is None:
                self._console.print()

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self._quiet:
            self._console.print(Text(text), soft_wrap=True)

    def busy(self, text: str) -> None:
        """Say what goes on before the first step."""
        if self._live is not None:
            self._live.note = text
            self._live.refresh()

    def begin(self, label: str, done: int, total: int, unit: str = "") -> None:
        """Start to count at `done` of `total`."""
        self._pace = Pace(done, total, label, unit)
        self._shown = time.monotonic()
        if self._live is not None:
            self._live.note = ""
            self._live.add_task(label, completed=done, total=total, pace=self._pace)

    def due(self, done: int) -> bool:
        """Whether it is time to show step `done`; figures need not be computed otherwise."""
        if self._quiet:
            return False
        period = LINE_SECONDS if self._live is None else FRAME_SECONDS
        return done >= self._pace.total or time.monotonic() - self._shown >= period

    def update(self, done: int, figures: str) -> None:
        """Show that `done` steps are made."""
        self._shown = time.monotonic()
        if self._live is not None:
            self._live.note = figures
            self._live.update(self._live.task_ids[-1], completed=done)
        elif not self._quiet:
            pace, elapsed, left = self._pace.words(done)
            parts = (figures, pace, elapsed, f"{left} left" if left else "")
            text = ", ".join(part for part in parts if part)
            what = self._pace.unit or self._pace.label
            self.say(f"{what} {done}/{self._pace.total}: {text}")


class _Notices(logging.Handler):
    """Says what the library has logged, in a line that stays."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(logging.INFO)
        self._meter, self._log = meter, logging.getLogger("invprob")
        self._before = self._log.level

    def begin(self) -> None:
        self._before = self._log.level
        self._log.setLevel(logging.INFO)
        self._log.addHandler(self)

    def end(self) -> None:
        self._log.removeHandler(self)
        self._log.setLevel(self._before)

    def emit(self, record: logging.LogRecord) -> None:
        self._meter.say(record.getMessage())


class _Live(Progress):
    """A bar, and under it a line of figures."""

    def __init__(self, console: Console) -> None:
        self.note = ""
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None, complete_style="cyan", finished_style="green"),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            _Clock(),
            console=console,
            expand=True,
            refresh_per_second=10,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        if self.tasks:
            yield self.make_tasks_table(self.tasks)
        if self.note:
            yield Text(self.note, style="dim", no_wrap=True, overflow="ellipsis")


class _Clock(ProgressColumn):
    """Pace, time gone and time left."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        pace: Any = task.fields["pace"]
        rate, elapsed, left = pace.words(int(task.completed))
        text = Text.assemble((rate, "cyan"), "  " if rate else "", elapsed)
        return text.append(f"  {left} left", "dim") if left else text
