"""Progress on stderr, and what the library has logged."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Any, Self, cast

import click
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from invprob.cli.console import clock
from invprob.cli.streams import Patient

SAID = "invprob.said"
"""Where the context of a command keeps what was said."""
LINE_SECONDS = 5.0
FRAME_SECONDS = 0.1


@dataclass
class Pace:
    """How fast something goes since `begin`.

    Attributes:
        first: The unit it began with.
        total: The number of units.
        label: What it is.
        unit: What a unit is called.
        begin: When it began, in seconds of the monotonic clock.
    """

    first: int
    total: int
    label: str = ""
    unit: str = ""
    begin: float = field(default_factory=time.monotonic)

    def words(self, done: int) -> tuple[str, str, str]:
        """Write how it goes.

        Args:
            done: The number of units done.

        Returns:
            Pace, time elapsed and time left.
        """
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

    Args:
        quiet: Whether nothing is written.
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
        """Write a line that stays.

        Args:
            text: The line.
        """
        if not self._quiet:
            self._console.print(Text(text), soft_wrap=True)

    def busy(self, text: str) -> None:
        """Say what goes on before the first step.

        Args:
            text: The words.
        """
        if self._live is not None:
            self._live.note = text
            self._live.refresh()

    def begin(self, label: str, done: int, total: int, unit: str = "") -> None:
        """Start to count.

        Args:
            label: What is counted.
            done: The units done before.
            total: The number of units.
            unit: What a unit is called.
        """
        self._pace = Pace(done, total, label, unit)
        self._shown = time.monotonic()
        if self._live is not None:
            self._live.note = ""
            self._live.add_task(label, completed=done, total=total, pace=self._pace)

    def due(self, done: int) -> bool:
        """Say whether it is time to show a step; figures need not be computed otherwise.

        Args:
            done: The step.

        Returns:
            True if it is.
        """
        if self._quiet:
            return False
        period = LINE_SECONDS if self._live is None else FRAME_SECONDS
        return done >= self._pace.total or time.monotonic() - self._shown >= period

    def update(self, done: int, figures: str) -> None:
        """Show a step.

        Args:
            done: The number of units done.
            figures: What to write beside it.
        """
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
    """Says what the library has logged, in a line that stays, once in a command."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(logging.INFO)
        context = click.get_current_context(silent=True)
        self._said: set[str] = set() if context is None else context.meta.setdefault(SAID, set())
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
        text = record.getMessage()
        if text not in self._said:
            self._said.add(text)
            self._meter.say(text)


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
