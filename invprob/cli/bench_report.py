"""What `invprob bench` prints: the grid before, the tables after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from invprob.cli import console
from invprob.cli.console import Column

if TYPE_CHECKING:
    from invprob.bench.session import Bench, Outcome
    from invprob.bench.tables import Line

FIRST = (
    "psnr_mean", "psnr_aligned_last", "ssim_mean", "chi2_last", "not_converged", "r_hat", "ess",
    "coverage_90", "seconds", "crps", "psnr_last", "generator_passes", "prior_passes", "memory_mb",
)  # fmt: skip
"""Metrics by importance: a narrow terminal shows the first of them."""


def plan(bench: Bench, expected: dict[str, tuple[int, float]], workers: int) -> None:
    """Print the grid, and what is left of it.

    Args:
        bench: What is compared.
        expected: (missing cells, seconds) by method.
        workers: How many processes share the work.
    """
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
    missing = sum(missing for missing, _ in expected.values())
    rows.append(["all", str(missing), console.clock(whole)])
    columns = [Column("method"), Column("cells left", number=True), Column("time", number=True)]
    console.table(columns, rows, footer=1)
    if workers > 1:
        console.say(f"time of all in {workers} processes", "dim")


def report(outcome: Outcome) -> None:
    """Print a table per task, what cannot be trusted, and where everything lies.

    Args:
        outcome: What a bench came to.
    """
    from invprob.bench import trust

    bench = outcome.bench
    reference = bench.suite.reference or bench.suite.labels[0]
    hidden: dict[str, None] = {}
    for task in dict.fromkeys(line.task for line in outcome.lines):
        console.say(task, "bold")
        those = [line for line in outcome.lines if line.task == task]
        hidden |= dict.fromkeys(_table(those, reference))
        console.say()
    console.say("* best; ≈ the 95 % interval of the paired difference contains 0", "dim")
    if hidden:
        console.say(f"not shown for lack of room: {', '.join(hidden)}", "dim")
    for sentence in trust.warnings(outcome.lines):
        console.say(sentence, "bold red")
    have = len(bench.cells) - len(outcome.failures)
    console.say(
        f"{have} of {len(bench.cells)} cells, {outcome.computed} computed now in"
        f" {console.clock(outcome.seconds)}"
    )
    for name in ("report.html", "table.md", "cells.csv", "results.json"):
        console.say(str(bench.out / name), "bold")


def _table(found: Sequence[Line], reference: str) -> list[str]:
    """The table of one task; the titles of the columns for which there is no room."""
    from invprob.bench import tables

    metrics = tables.shown(found, short=True)
    columns = [Column("method", wrap=True)]
    columns += [Column(tables.METRICS[m].title, number=True, spare=FIRST.index(m)) for m in metrics]
    columns.append(Column(f"PSNR mean − {reference}", number=True))
    rows = []
    for line in found:
        cells = []
        for metric in metrics:
            value = line.values[metric].mean if metric in line.values else math.nan
            mark = "*" if line.method in tables.best(found, metric) else ""
            cells.append(tables.number(value, metric) + mark)
        gap = line.differences.get("psnr_mean")
        cells.append(tables.difference(gap, "psnr_mean") if gap else "")
        rows.append([line.method, *cells])
    return console.table(columns, rows)
