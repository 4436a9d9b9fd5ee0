"""The tables of a bench as Markdown: one table per compared metric, then one per task."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from invprob.bench import trust
from invprob.bench.tables import METRICS, Line, best, difference, number, shown

NOTE = (
    "Bold is best; ≈ marks a paired difference whose 95 % interval contains 0. Intervals are"
    " bootstrap intervals over images; where there are several seeds (masks, matrices, noise),"
    " intervals over both by two-way clustering."
)


def document(
    name: str, origin: str, command: str, found: Sequence[Line], reference: str, compare: list[str]
) -> str:
    """Everything that table.md holds.

    Args:
        name: What the suite is called.
        origin: Date, commit and machine, as one sentence.
        command: The command that makes the tables again.
        found: The lines of the tables.
        reference: The method that differences are taken to.
        compare: Metrics that get a table of all tasks.

    Returns:
        The document, with a line break at its end.
    """
    head = f"# {name}\n\n{origin} Made by `{command}`.\n\n{NOTE}\n"
    overviews = [overview(found, metric, reference) for metric in compare]
    told = "".join(f"- {_plain(sentence)}\n" for sentence in trust.warnings(found))
    return "\n".join(filter(None, [head, told, *overviews, by_task(found, reference, compare)]))


def overview(found: Sequence[Line], metric: str, reference: str) -> str:
    """A table with a row for each task: the metric of every method, then the differences.

    Args:
        found: The lines of the tables.
        metric: A key of `METRICS`.
        reference: The method that differences are taken to.

    Returns:
        The table; empty if no line has the metric or there is only one task.
    """
    having = [line for line in found if metric in line.values]
    tasks = list(dict.fromkeys(line.task for line in having))
    methods = list(dict.fromkeys(line.method for line in having))
    if len(tasks) < 2:
        return ""
    others = [method for method in methods if method != reference]
    gaps = others if METRICS[metric].better else []
    heads = ["task", "n", *map(_plain, methods)]
    heads += [_plain(f"{method} − {reference}") for method in gaps]
    rows = [f"## {METRICS[metric].title}\n", _row(heads), "|" + "---|" * len(heads)]
    for task in tasks:
        by_method = {line.method: line for line in having if line.task == task}
        count = max(line.values[metric].n for line in by_method.values())
        top = best(list(by_method.values()), metric)
        cells = [_code(task), str(count)]
        cells += [_value(by_method.get(method), metric, top) for method in methods]
        cells += [_gap(by_method.get(method), metric) for method in gaps]
        rows.append(_row(cells))
    return "\n".join(rows) + "\n"


def by_task(found: Sequence[Line], reference: str, compare: Sequence[str]) -> str:
    """A table for each task, with a row for each method and all metrics.

    Args:
        found: The lines of the tables.
        reference: The method that differences are taken to.
        compare: Metrics whose differences are shown.

    Returns:
        The tables.
    """
    parts = []
    for task in dict.fromkeys(line.task for line in found):
        those = [line for line in found if line.task == task]
        metrics = shown(those)
        differing = [m for m in compare if m in metrics]
        heads = ["method", *(METRICS[m].title for m in metrics)]
        heads += [f"{METRICS[m].title} − {_plain(reference)}" for m in differing]
        table = [f"### {_plain(task)}\n", _row(heads), "|" + "---|" * len(heads)]
        for line in those:
            cells = [_value(line, metric, best(those, metric)) for metric in metrics]
            cells += [_gap(line, metric) for metric in differing]
            table.append(_row([_plain(line.method), *cells]))
        parts.append("\n".join(table) + "\n")
    return "\n".join(parts)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(name: str) -> str:
    """A name as Markdown in which nothing is markup, and no `|` ends a cell."""
    escaped = html.escape(" ".join(name.split()), quote=False).replace("|", "&#124;")
    return re.sub(r"([\\`*\[\]])", r"\\\1", escaped)


def _code(name: str) -> str:
    """A name in the font of code, in which only `|` would be markup."""
    return f"`{name}`".replace("|", "\\|")


def _value(line: Line | None, metric: str, top: set[str]) -> str:
    if line is None or metric not in line.values:
        return "–"
    text = number(line.values[metric].mean, metric)
    return f"**{text}**" if line.method in top else text


def _gap(line: Line | None, metric: str) -> str:
    gap = line.differences.get(metric) if line is not None else None
    return difference(gap, metric) if gap is not None else ""
