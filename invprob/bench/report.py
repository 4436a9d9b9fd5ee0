"""One HTML file with everything in it: tables, curves and pictures; opens without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from invprob._version import __version__
from invprob.analysis.fit import FAR_ABOVE_NOISE
from invprob.bench import report_pictures, trust
from invprob.bench.grid import Cell
from invprob.bench.store import Figures
from invprob.bench.suite import Suite
from invprob.bench.tables import METRICS, Line, as_json
from invprob.io import files
from invprob.io.json_text import dumps

PAGE = Path(__file__).with_name("report.html")
STYLE = Path(__file__).with_name("report.css")


def write(
    path: Path,
    suite: Suite,
    found: Sequence[Line],
    solved: Mapping[Cell, Figures],
    pictures: Sequence[Mapping[str, Any]],
    failures: Sequence[tuple[Cell, str]],
    made: str,
    command: str,
) -> None:
    """Write the report.

    Args:
        path: The file.
        suite: What was compared on what.
        found: The lines of the tables.
        solved: The finished cells, and their figures.
        pictures: What `report_pictures.entries` gave.
        failures: Cells without a result, and why.
        made: Date, commit and machine, as one sentence.
        command: The command that makes the report again.
    """
    one_of_each = {cell.task.name: cell for cell in solved}
    data = {
        "suite": suite.name,
        "version": __version__,
        "origin": made,
        "command": command,
        "reference": suite.reference or suite.labels[0],
        "methods": list(suite.labels),
        "tasks": [task.name for task in suite.tasks],
        "operators": {task.name: [task.operator, task.noise] for task in suite.tasks},
        "metrics": {
            name: {"title": m.title, "digits": m.digits, "better": m.better}
            for name, m in METRICS.items()
        },
        "lines": as_json(found),
        "warnings": trust.warnings(found),
        "far": FAR_ABOVE_NOISE,
        "measurements": {name: c.measured.read()[1].numel() for name, c in one_of_each.items()},
        "failures": [{"cell": cell.label, "reason": reason} for cell, reason in failures],
        "pictures": list(pictures),
        "error": report_pictures.ERROR,
        "side": report_pictures.SIDE,
    }
    # a script ends at "</", wherever it stands
    text = dumps(data).replace("</", "<\\/")
    style = STYLE.read_text(encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8").replace("/*STYLE*/", style)
    page = page.replace("/*DATA*/null", text)
    files.write_text(path, page)
