"""trace.csv of a run folder: the metrics along the run, a row per recorded step and chain."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from invprob.io import files

NAME = "trace.csv"
WHOLE = {"step", "stage", "chain"}
RENAMED = {"misfit": "chi2"}


def write(out: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write the trace as CSV.

    Args:
        out: The folder of the run.
        rows: A row per recorded step and chain, see `invprob.runs.loop.Trace`.
    """
    rows = list(rows)
    names = list(dict.fromkeys(key for row in rows for key in row))
    with (
        files.replacing(out / NAME) as part,
        part.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def read(out: Path, last: int) -> tuple[list[dict[str, Any]], bool]:
    """Read what `write` wrote.

    Args:
        out: The folder of the run.
        last: The last step whose rows count.

    Returns:
        The rows up to that step, and whether some are missing. The column ``misfit`` of version
        0.1.0 is ``chi2``.
    """
    rows: list[dict[str, Any]] = []
    try:
        with (out / NAME).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, strict=True):
                rows.append(_numbers(row))
    except (OSError, ValueError, TypeError, KeyError, csv.Error):
        return [row for row in rows if row["step"] <= last], True
    return [row for row in rows if row["step"] <= last], not rows


def _numbers(row: dict[str, str]) -> dict[str, Any]:
    found = {
        RENAMED.get(k, k): int(v) if k in WHOLE else float(v) for k, v in row.items() if v != ""
    }
    if not found.keys() >= WHOLE:
        raise ValueError("a row without its step")
    return found
