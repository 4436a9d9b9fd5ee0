"""One HTML file with everything in it: tables, curves and pictures; opens without a network."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from invprob._version import __version__
from invprob.analysis.fit import FAR_ABOVE_NOISE
from invprob.bench import trust
from invprob.bench.grid import Cell
from invprob.bench.store import Solved
from invprob.bench.suite import Suite
from invprob.bench.tables import METRICS, Line, as_json
from invprob.io import files, images
from invprob.plots.layout import colour

PAGE = Path(__file__).with_name("report.html")
MOST_PICTURES = 12
"""The most images of a task in the grid of pictures."""
ERROR = 0.25
"""The absolute error that ends the colour scale of error maps."""


def write(
    path: Path,
    suite: Suite,
    found: Sequence[Line],
    solved: Mapping[Cell, Solved],
    observed: Mapping[str, Tensor],
    failures: Sequence[tuple[Cell, str]],
    made: str,
    command: str,
) -> None:
    """Write the report.

    Args:
        path: The file.
        suite: What was compared on what.
        found: The lines of the tables.
        solved: The finished cells.
        observed: Pictures of the measurements, of shape (C, H, W), by their SHA-256.
        failures: Cells without a result, and why.
        made: Date, commit and machine, as one sentence.
        command: The command that makes the report again.
    """
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
        "measurements": {c.task.name: c.measured.y.numel() for c in solved},
        "failures": [{"cell": cell.label, "reason": reason} for cell, reason in failures],
        "pictures": _pictures(solved, observed),
        "error": ERROR,
    }
    # a script ends at "</", wherever it stands
    text = json.dumps(data, allow_nan=False).replace("</", "<\\/")
    page = PAGE.read_text(encoding="utf-8").replace("/*DATA*/null", text)
    files.write_text(path, page)


def _pictures(
    solved: Mapping[Cell, Solved], observed: Mapping[str, Tensor]
) -> list[dict[str, Any]]:
    """One entry per measurement: truth, measurement, and what each method made of it."""
    by_problem: dict[tuple[str, str, int], list[Cell]] = {}
    for cell in solved:
        by_problem.setdefault((cell.task.name, cell.image, cell.seed), []).append(cell)
    counts: dict[str, int] = {}
    entries = []
    for (task, image, seed), cells in by_problem.items():
        counts[task] = counts.get(task, 0) + 1
        if counts[task] > MOST_PICTURES:
            continue
        truth = cells[0].measured.truth
        methods = {}
        for cell in cells:
            found = solved[cell]
            mean = found.pictures["mean"].float()
            wrong = (mean - truth).abs().mean(0) / ERROR
            methods[cell.method] = {
                "mean": _png(mean),
                "sample": _png(found.pictures["sample"].float()),
                "error": _data(colour(wrong)),
                "psnr": found.figures["psnr_mean"],
                "drawn": "crps" in found.figures,
            }
        entries.append(
            {
                "task": task,
                "image": image,
                "seed": seed,
                "truth": _png(truth),
                "measurement": _png(observed[cells[0].measured.sha256]),
                "methods": methods,
            }
        )
    return entries


def _png(picture: Tensor) -> str:
    return _data(images.to_pil(torch.nan_to_num(picture).clamp(0, 1)))


def _data(picture: Image.Image) -> str:
    packed = io.BytesIO()
    picture.save(packed, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode()
