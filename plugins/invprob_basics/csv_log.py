"""The observer `csv`: the figures of a run as a table, a row for each step and chain."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from invprob.callback import Callback, CallbackContext
from invprob.errors import BadInput
from invprob.solver import Progress
from invprob_basics.params import CSVLogParams

Row: TypeAlias = "Mapping[str, Any]"
"""Figures by the names of their columns."""


class CSVLog(Callback):
    """Columns are step, stage, chain and the figures of the solver; every row is written at once,
    so that the file can be followed. A resumed run goes on in the same file.

    Args:
        params: Where the file is, and how many steps lie between rows.
        context: The run that is watched.

    Raises:
        BadInput: If the file cannot be written.
    """

    def __init__(self, params: CSVLogParams, context: CallbackContext) -> None:
        self.every, self.total = params.every, context.total
        self.path = context.path("observed.csv") if params.path is None else Path(params.path)
        names, rows = _read(self.path, context.first) if context.first else ((), [])
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._begin(names or ("step", "stage", "chain"), rows)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BadInput(
                f"{self.path} cannot be written: {reason}", "give csv:path=FILE another place"
            ) from None

    def _begin(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        """Write the file anew; the cells that a row has no figure for are empty."""
        self._file = self.path.open("w", newline="", encoding="utf-8")
        self._table = csv.DictWriter(self._file, names, restval="")
        self._table.writeheader()
        self._table.writerows(rows)

    def __call__(self, progress: Progress) -> None:
        step, info = progress.state.step, progress.info
        if step % self.every and step != self.total:
            return
        known = self._table.fieldnames
        new = [name for name in info.metrics if name not in known]
        if new:  # a solver may say more later than at its first step
            self.close()
            _, rows = _read(self.path, step)
            self._begin((*known, *new), rows)
        figures = zip(*(values.tolist() for values in info.metrics.values()), strict=True)
        for chain, values in enumerate(figures):
            row = {"step": step, "stage": info.stage, "chain": chain}
            self._table.writerow(row | dict(zip(info.metrics, values, strict=True)))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _read(path: Path, last: int) -> tuple[Sequence[str], list[Row]]:
    """The header of a file and its rows up to step `last`; nothing if there is none."""
    if not path.is_file():
        return (), []
    # a crash of the machine leaves blank lines, NULs and half a row
    text = path.read_text(encoding="utf-8", errors="replace").replace("\0", "")
    table = csv.DictReader(text.splitlines())
    names = table.fieldnames or ()
    if "step" not in names:
        return (), []
    whole = (row for row in table if None not in row and None not in row.values())
    return names, [row for row in whole if row["step"].isdecimal() and int(row["step"]) <= last]
