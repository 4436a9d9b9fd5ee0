"""A bench from suite to tables: what is missing is computed, then everything is written anew."""

from __future__ import annotations

import csv
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from invprob._version import __version__
from invprob.analysis.diagnostics import R_HAT_BAD
from invprob.bench import markdown, origin, report, store, tables
from invprob.bench.execution import executors
from invprob.bench.execution.worker import Failed, Worker, request
from invprob.bench.grid import Cell, cells
from invprob.bench.store import Solved, Store
from invprob.bench.suite import Suite
from invprob.bench.tables import Line, Row
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import files, lock
from invprob.runs import build


@dataclass(frozen=True)
class Place:
    """Where a bench is computed."""

    workers: int | None = None
    scheduler: str | None = None


@dataclass(frozen=True)
class Bench:
    """A suite, the folder of its images, its cells, and where they are kept."""

    suite: Suite
    out: Path
    cells: list[Cell]
    store: Store

    def found(self) -> dict[Cell, Solved]:
        """The cells that are finished and whole."""
        pairs = ((cell, self.store.get(cell.key)) for cell in self.cells)
        return {cell: solved for cell, solved in pairs if solved is not None}


@dataclass(frozen=True)
class Outcome:
    """What a bench came to."""

    bench: Bench
    lines: list[Line]
    failures: list[tuple[Cell, str]]
    computed: int
    seconds: float


@dataclass
class Watch:
    """What a reader is told: `begin` with the number of cells that are there and of all, `step` of
    a cell, and `done` with its reason if it failed."""

    begin: Callable[[int, int], None] = lambda have, total: None
    step: Callable[[Cell, int, int], None] = lambda cell, step, total: None
    done: Callable[[Cell, str | None], None] = field(default=lambda cell, reason: None)


def prepare(suite: Suite, beside: Path, out: Path, registry: Registry, keep: bool = True) -> Bench:
    """Load what is compared, draw the measurements that are new, and store them if `keep`."""
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is a file", "give another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / "measurements").is_dir():
        raise BadInput(f"folder {out} holds something else than a bench", "give another --out")
    if keep:
        (out / "measurements").mkdir(parents=True, exist_ok=True)
    return Bench(suite, out, cells(suite, beside, out, registry, keep), Store(out / "cells"))


def run(
    bench: Bench, registry: Registry, place: Place, timeout: float, command: str, watch: Watch
) -> Outcome:
    """Compute what is missing and write tables and report. Failed cells are tried again."""
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
        write(bench, found, lines, failed, registry, command)
        return Outcome(
            bench, lines, failed, len(missing) - len(failures), time.perf_counter() - started
        )


def summarise(bench: Bench, found: dict[Cell, Solved]) -> list[Line]:
    """The lines of the tables."""
    rows = [Row(c.task.name, c.method, c.image, c.seed, _judged(s)) for c, s in found.items()]
    tasks = [task.name for task in bench.suite.tasks]
    reference = bench.suite.reference or bench.suite.labels[0]
    return tables.lines(rows, tasks, bench.suite.labels, reference)


def _judged(solved: Solved) -> dict[str, float | None]:
    """The figures of a cell, and whether its chains disagree, as 0 or 1."""
    r_hat = solved.figures.get("r_hat")
    told = {} if r_hat is None else {"not_converged": float(r_hat > R_HAT_BAD)}
    return solved.figures | told


def write(
    bench: Bench,
    found: dict[Cell, Solved],
    lines: Sequence[Line],
    failures: Sequence[tuple[Cell, str]],
    registry: Registry,
    command: str,
) -> None:
    """cells.csv, results.json, table.md and report.html."""
    out, suite = bench.out, bench.suite
    reference = suite.reference or suite.labels[0]
    made = origin.line(solved.figures for solved in found.values())
    files.write_text(out / "suite.json", suite.model_dump_json(indent=2) + "\n")
    _write_cells(out / "cells.csv", found)
    about = {
        "suite": suite.name,
        "invprob": __version__,
        "torch": torch.__version__,
        "origin": made,
        "command": command,
        "reference": reference,
        "groups": suite.tasks_by_group(),
        "lines": tables.as_json(lines),
        "failures": [{"cell": cell.label, "reason": reason} for cell, reason in failures],
    }
    files.write_json(out / "results.json", about)
    text = markdown.document(suite.name, made, command, lines, reference, list(suite.compare))
    files.write_text(out / "table.md", text)
    observed = {}
    for cell in found:
        if cell.measured.sha256 not in observed:
            shape = tuple(cell.measured.truth.shape)
            A = build.operator(cell.experiment, registry, shape, torch.device("cpu"))
            with torch.no_grad():
                observed[cell.measured.sha256] = A.observed(cell.measured.y[None])[0]
    page = out / "report.html"
    report.write(page, suite, lines, found, observed, failures, made, command)


def _write_cells(path: Path, found: dict[Cell, Solved]) -> None:
    names = list(dict.fromkeys(name for solved in found.values() for name in solved.figures))
    with files.replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        fields = ["task", "method", "image", "seed", *names, "measurement", "key"]
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        for cell, solved in found.items():
            about = {
                "task": cell.task.name,
                "method": cell.method,
                "image": cell.image,
                "seed": cell.seed,
                "measurement": cell.measured.sha256[:16],
                "key": cell.key,
            }
            writer.writerow(about | solved.figures)


def estimate(
    bench: Bench, timeout: float, tell: Callable[[int, str], None] = lambda done, label: None
) -> dict[str, tuple[int, float]]:
    """(missing cells, seconds) by method: from finished cells of it, or from its first steps.
    Calls `tell` with the number of methods that are done and the next one."""
    have = bench.found()
    made: dict[str, tuple[int, float]] = {}
    for done, label in enumerate(bench.suite.labels):
        tell(done, label)
        mine = [cell for cell in bench.cells if cell.method == label]
        missing = [cell for cell in mine if cell not in have]
        known = [float(have[cell].figures["seconds"]) for cell in mine if cell in have]
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
    """The command that was given, to be given again."""
    return shlex.join(["invprob", *words])
