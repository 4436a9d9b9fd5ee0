"""The files of a bench: cells.csv, results.json, table.md and report.html."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import torch

from invprob._version import __version__
from invprob.bench import markdown, origin, report, tables
from invprob.bench.grid import Cell
from invprob.bench.store import Solved
from invprob.bench.suite import Suite
from invprob.bench.tables import Line
from invprob.config.registry import Registry
from invprob.io import files
from invprob.runs import build


def write(
    out: Path,
    suite: Suite,
    found: dict[Cell, Solved],
    lines: Sequence[Line],
    failures: Sequence[tuple[Cell, str]],
    registry: Registry,
    command: str,
) -> None:
    """Write cells.csv, results.json, table.md and report.html.

    Args:
        out: The folder of the bench.
        suite: The suite.
        found: Its finished cells.
        lines: The lines of the tables.
        failures: Cells without a result, with the reason.
        registry: The components.
        command: The command line, for the report.
    """
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
