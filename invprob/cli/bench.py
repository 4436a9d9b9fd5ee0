"""``invprob bench``."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from invprob.cli import faults, options

if TYPE_CHECKING:
    from invprob.bench.grid import Cell
    from invprob.bench.session import Bench, Outcome, Watch
    from invprob.bench.suite import Suite
    from invprob.cli.console import Meter

EXAMPLES = """\b
Examples:
  invprob bench
  invprob bench suite.toml --dry-run
  invprob bench suite.toml --out results --workers 4
  invprob bench suite.toml --scheduler tcp://10.0.0.1:8786

Cells that are finished are kept, so the same command goes on where it stopped,
and computes only what is missing or changed. Exit status 1 if cells failed.
"""


@click.command(epilog=EXAMPLES)
@click.argument("suite", required=False, type=options.PATH)
@click.option(
    "--out",
    type=options.PATH,
    metavar="DIR",
    help="Folder of the bench; one that is there is gone on with.  [default: runs/bench-NAME]",
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Compute in N processes.")
@click.option("--scheduler", metavar="URL", help="Compute on a running dask cluster.")
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Threads of a cell.  [the suite's]"
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Give up a cell after so long.  [the suite's]",
)
@click.option("--dry-run", is_flag=True, help="Print the grid and an estimate of time, and stop.")
@options.speech
def command(
    suite: Path | None,
    out: Path | None,
    workers: int | None,
    scheduler: str | None,
    threads: int | None,
    timeout: float | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Compare methods on the same measurements.

    SUITE is a TOML file of methods, operators, images and seeds; without one, the solvers that come
    with invprob are compared on bundled images.
    """
    from invprob.bench import suite as suites
    from invprob.cli import console
    from invprob.config.registry import registry
    from invprob.errors import BadParams

    if workers is not None and scheduler is not None:
        raise BadParams("--workers and --scheduler are given at once", "keep one of them")
    path = suites.DEFAULT if suite is None else suite
    with console.Meter(quiet) as meter:
        meter.busy("reading the suite, loading the models …")
        chosen = suites.read(path, registry())
        if threads is not None:
            chosen = chosen.model_copy(update={"threads": threads})
        from invprob.bench import session

        where = out or Path("runs") / f"bench-{chosen.name}"
        bench = session.prepare(chosen, path.parent, where, registry())
        limit = timeout or chosen.timeout
        if dry_run:
            meter.busy("timing the first steps of every method …")
            expected = session.estimate(bench, limit)
        else:
            told = session.command_line(sys.argv[1:])
            place = session.Place(workers, scheduler)
            try:
                outcome = session.run(bench, registry(), place, limit, told, _watch(meter))
            except KeyboardInterrupt:
                raise faults.Stopped(
                    f"finished cells are kept in {where}", f"go on with: {told}"
                ) from None
    if dry_run:
        _plan(bench, expected, workers or 1)
        return 0
    if as_json:
        click.echo((where / "results.json").read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        _report(chosen, outcome)
    for cell, reason in outcome.failures:
        click.echo(f"failed: {cell.label}: {reason}", err=True)
    return 1 if outcome.failures else 0


def _watch(meter: Meter) -> Watch:
    from invprob.bench.session import Watch

    done = [0]

    def begin(have: int, total: int) -> None:
        done[0] = have
        if have == total:
            meter.say(f"all {total} cells are finished; the tables are written anew")
        else:
            meter.begin("bench", have, total, "cell")

    def step(cell: Cell, step: int, total: int) -> None:
        if meter.due(done[0]):
            meter.update(done[0], f"{cell.label}, step {step}/{total}")

    def finished(cell: Cell, reason: str | None) -> None:
        done[0] += 1
        if reason is not None:
            meter.say(f"failed: {cell.label}: {reason}")
        if meter.due(done[0]):
            meter.update(done[0], cell.label)

    return Watch(begin, step, finished)


def _plan(bench: Bench, expected: dict[str, tuple[int, float]], workers: int) -> None:
    """The grid, and what is left of it."""
    from invprob.cli import console
    from invprob.cli.console import Column

    suite = bench.suite
    images = len({cell.image for cell in bench.cells})
    seeds = f"1 of {len(suite.seeds)}" if suite.spread_seeds else len(suite.seeds)
    console.say(
        f"{len(suite.method)} methods × {len(suite.tasks)} tasks × {images} images ×"
        f" {seeds} seeds = {len(bench.cells)} cells"
    )
    console.entries([(task.name, "") for task in suite.tasks])
    rows = [
        [label, str(missing), console.clock(seconds)]
        for label, (missing, seconds) in expected.items()
    ]
    whole = sum(seconds for _, seconds in expected.values()) / workers
    rows.append(
        ["all", str(sum(missing for missing, _ in expected.values())), console.clock(whole)]
    )
    columns = [Column("method"), Column("cells left", number=True), Column("time", number=True)]
    console.table(columns, rows, footer=1)
    if workers > 1:
        console.say(f"time of all in {workers} processes", "dim")


def _report(suite: Suite, outcome: Outcome) -> None:
    """A table per task, and where everything lies."""
    from invprob.bench import tables
    from invprob.cli import console
    from invprob.cli.console import Column

    reference = suite.reference or suite.labels[0]
    for task in dict.fromkeys(line.task for line in outcome.lines):
        those = [line for line in outcome.lines if line.task == task]
        metrics = tables.shown(those, short=True)
        columns = [Column(task, wrap=True)]
        columns += [Column(tables.METRICS[m].title, number=True) for m in metrics]
        columns.append(Column(f"PSNR mean − {reference}", number=True))
        rows = []
        for line in those:
            cells = []
            for metric in metrics:
                value = line.values[metric].mean if metric in line.values else math.nan
                mark = "*" if line.method in tables.best(those, metric) else ""
                cells.append(tables.number(value, metric) + mark)
            gap = line.differences.get("psnr_mean")
            cells.append(tables.difference(gap, "psnr_mean") if gap else "")
            rows.append([line.method, *cells])
        console.table(columns, rows)
        console.say()
    console.say("* best; ≈ the 95 % interval of the paired difference contains 0", "dim")
    bench = outcome.bench
    have = len(bench.cells) - len(outcome.failures)
    console.say(
        f"{have} of {len(bench.cells)} cells, {outcome.computed} computed now in"
        f" {console.clock(outcome.seconds)}"
    )
    for name in ("report.html", "table.md", "cells.csv", "results.json"):
        console.say(str(bench.out / name), "bold")
