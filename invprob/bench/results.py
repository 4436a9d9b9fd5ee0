"""The files of a bench: cells.csv, results.json, table.md and report.html."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import torch

from invprob._version import __version__
from invprob.bench import markdown, origin, report, report_pictures, tables
from invprob.bench.grid import Cell
from invprob.bench.store import Figures, Store
from invprob.bench.suite import Suite
from invprob.bench.tables import Line
from invprob.config.registry import Registry
from invprob.io import files


def write(
    store: Store,
    out: Path,
    suite: Suite,
    found: dict[Cell, Figures],
    lines: Sequence[Line],
    failures: Sequence[tuple[Cell, str]],
    registry: Registry,
    command: str,
) -> None:
    """Write cells.csv, results.json, table.md and report.html.

    Args:
        store: Where the cells are kept.
        out: The folder of the bench.
        suite: The suite.
        found: Its finished cells, and their figures.
        lines: The lines of the tables.
        failures: Cells without a result, with the reason.
        registry: The components.
        command: The command line, for the report.
    """
    reference = suite.reference or suite.labels[0]
    made = origin.line(found.values())
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
    pictures = report_pictures.entries(found, store, registry)
    page = out / "report.html"
    report.write(page, suite, lines, found, pictures, failures, made, command)


def _write_cells(path: Path, found: dict[Cell, Figures]) -> None:
    names = list(dict.fromkeys(name for figures in found.values() for name in figures))
    with files.replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        fields = ["task", "method", "image", "seed", *names, "measurement", "key"]
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        for cell, figures in found.items():
            about = {
                "task": cell.task.name,
                "method": cell.method,
                "image": cell.image,
                "seed": cell.seed,
                "measurement": cell.measured.sha256[:16],
                "key": cell.key,
            }
            writer.writerow(about | figures)
