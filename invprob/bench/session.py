"""A bench from suite to tables: what is missing is computed, then everything is written anew."""

from __future__ import annotations

import atexit
import math
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from invprob import paths
from invprob.analysis.diagnostics import R_HAT_BAD
from invprob.bench import results, store, tables
from invprob.bench.execution import executors
from invprob.bench.execution.worker import Failed, Worker, request
from invprob.bench.grid import Cell, cells
from invprob.bench.store import Figures, Store
from invprob.bench.suite import Suite
from invprob.bench.tables import Line, Row
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import lock


@dataclass(frozen=True)
class Place:
    """Where a bench is computed; without both values in one process here.

    Attributes:
        workers: How many processes dask starts here.
        scheduler: The address of a scheduler that runs.
    """

    workers: int | None = None
    scheduler: str | None = None


@dataclass(frozen=True)
class Bench:
    """A suite, the folder of its images, its cells, and where they are kept.

    Attributes:
        suite: The suite.
        out: The folder of the bench.
        cells: All its cells.
        store: Where finished cells are kept.
    """

    suite: Suite
    out: Path
    cells: list[Cell]
    store: Store

    def found(self) -> dict[Cell, Figures]:
        """The cells that are finished and whole, and their figures."""
        pairs = ((cell, self.store.figures(cell.key)) for cell in self.cells)
        return {cell: figures for cell, figures in pairs if figures is not None}


@dataclass(frozen=True)
class Outcome:
    """What a bench came to.

    Attributes:
        bench: The bench.
        lines: The lines of the tables.
        failures: Cells without a result, with the reason.
        computed: How many cells were computed now.
        seconds: How long that took.
    """

    bench: Bench
    lines: list[Line]
    failures: list[tuple[Cell, str]]
    computed: int
    seconds: float


@dataclass
class Watch:
    """Functions that see how a bench goes on.

    Attributes:
        begin: Called with the number of finished cells and of all.
        step: Called with a cell, its step and its steps.
        done: Called with a cell, and with the reason if it failed, else None.
    """

    begin: Callable[[int, int], None] = lambda have, total: None
    step: Callable[[Cell, int, int], None] = lambda cell, step, total: None
    done: Callable[[Cell, str | None], None] = field(default=lambda cell, reason: None)


def prepare(suite: Suite, beside: Path, out: Path, registry: Registry, keep: bool = True) -> Bench:
    """Load what is compared, and measure what is new.

    Args:
        suite: The suite.
        beside: The folder of the suite, where relative paths begin.
        out: The folder of the bench.
        registry: The components.
        keep: Whether the folder is made; if not, measurements go with this process.

    Returns:
        The bench.

    Raises:
        BadInput: If `out` holds something else.
    """
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is a file", "give another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / "measurements").is_dir():
        raise BadInput(f"folder {out} holds something else than a bench", "give another --out")
    if keep:
        folder = paths.made(out / "measurements")
    else:
        folder = Path(tempfile.mkdtemp(prefix="invprob-bench-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Bench(suite, out, cells(suite, beside, folder, registry), Store(out / "cells"))


def run(
    bench: Bench, registry: Registry, place: Place, timeout: float, command: str, watch: Watch
) -> Outcome:
    """Compute what is missing and write tables and report. Failed cells are tried again.

    Args:
        bench: The bench.
        registry: The components.
        place: Where cells are computed.
        timeout: Seconds that a cell may take.
        command: The command line, for the report.
        watch: What sees how it goes on.

    Returns:
        What the bench came to.

    Raises:
        BadInput: If another process holds the folder.
    """
    with lock.only(bench.out):
        started = time.perf_counter()
        have = bench.found()
        # two methods may come to the same cell
        missing = list({cell.key: cell for cell in bench.cells if cell not in have}.values())
        watch.begin(len(have), len(bench.cells))
        failures: dict[str, str] = {}
        if missing:
            if place.workers is None and place.scheduler is None:
                answers = executors.here(missing, timeout, watch.step)
            else:
                answers = executors.on_cluster(missing, timeout, place.workers, place.scheduler)
            for cell, answer in answers:
                reason = None
                if isinstance(answer, Failed):
                    reason = failures[cell.key] = str(answer)
                elif store.unpack(answer) is None:
                    reason = failures[cell.key] = "its result arrived damaged"
                else:
                    bench.store.put(cell.key, answer)
                watch.done(cell, reason)
        found = bench.found()
        failed = [(c, failures[c.key]) for c in bench.cells if c.key in failures]
        lines = summarise(bench, found)
        results.write(bench.store, bench.out, bench.suite, found, lines, failed, registry, command)
        return Outcome(
            bench, lines, failed, len(missing) - len(failures), time.perf_counter() - started
        )


def summarise(bench: Bench, found: dict[Cell, Figures]) -> list[Line]:
    """Make the lines of the tables.

    Args:
        bench: The bench.
        found: Its finished cells.

    Returns:
        A line for every task and method that has cells.
    """
    rows = [Row(c.task.name, c.method, c.image, c.seed, _judged(s)) for c, s in found.items()]
    tasks = [task.name for task in bench.suite.tasks]
    reference = bench.suite.reference or bench.suite.labels[0]
    return tables.lines(rows, tasks, bench.suite.labels, reference)


def _judged(figures: Figures) -> dict[str, float | None]:
    """The figures of a cell, with R-hat where it is ∞, which the store of cells does not hold, and
    for older cells whether their chains disagree."""
    r_hat = figures.get("r_hat")
    if "not_converged" in figures:
        return figures | {"r_hat": math.inf if r_hat is None else r_hat}
    return figures if r_hat is None else figures | {"not_converged": float(r_hat > R_HAT_BAD)}


def estimate(
    bench: Bench, timeout: float, tell: Callable[[int, str], None] = lambda done, label: None
) -> dict[str, tuple[int, float]]:
    """Estimate what is left, from finished cells of a method or from its first steps.

    Args:
        bench: The bench.
        timeout: Seconds that a cell may take.
        tell: Called with the number of methods that are done and the next one.

    Returns:
        Missing cells and seconds, by method.
    """
    have = bench.found()
    made: dict[str, tuple[int, float]] = {}
    for done, label in enumerate(bench.suite.labels):
        tell(done, label)
        mine = [cell for cell in bench.cells if cell.method == label]
        missing = [cell for cell in mine if cell not in have]
        known = [float(have[cell]["seconds"]) for cell in mine if cell in have]
        each = sum(known) / len(known) if known else _timed(missing[0], timeout) if missing else 0.0
        made[label] = (len(missing), each * len(missing))
    return made


class _Enough(Exception):
    pass


def _timed(cell: Cell, timeout: float, seconds: float = 2.0) -> float:
    """What the cell would take, from the steps it makes in some seconds."""
    began: list[tuple[float, int]] = []

    def tell(step: int, total: int) -> None:
        began.append((time.perf_counter(), step))
        if began[-1][0] - began[0][0] > seconds:
            pace = (began[-1][0] - began[0][0]) / (step - began[0][1])
            raise _Enough(pace * total)

    with Worker(cell.threads) as worker:
        try:
            worker.solve(request(cell), timeout, tell)
        except _Enough as enough:
            return float(enough.args[0])
        except Failed:
            return 0.0
    return began[-1][0] - began[0][0]


def command_line(words: Sequence[str]) -> str:
    """Write the command that was given, to be given again.

    Args:
        words: Its words after ``invprob``.

    Returns:
        One line for a shell.
    """
    return shlex.join(["invprob", *words])
