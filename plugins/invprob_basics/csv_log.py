"""The observer `csv`: the figures of a run as a table, a row for each step and chain."""

from __future__ import annotations

import csv
from pathlib import Path

from invprob.callback import Callback, CallbackContext
from invprob.errors import BadInput
from invprob.solver import Progress
from invprob_basics.params import CSVLogParams


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
        kept = _rows(self.path, context.first) if context.first else []
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", newline="", encoding="utf-8")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BadInput(
                f"{self.path} cannot be written: {reason}", "give csv:path=FILE another place"
            ) from None
        self._writer = csv.writer(self._file)
        self._writer.writerows(kept)
        self._begun = bool(kept)

    def __call__(self, progress: Progress) -> None:
        step, info = progress.state.step, progress.info
        if step % self.every and step != self.total:
            return
        if not self._begun:
            self._writer.writerow(["step", "stage", "chain", *info.metrics])
            self._begun = True
        chains = zip(*(values.tolist() for values in info.metrics.values()), strict=True)
        for chain, figures in enumerate(chains):
            self._writer.writerow([step, info.stage, chain, *figures])
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _rows(path: Path, last: int) -> list[list[str]]:
    """The header of a file and its rows up to step `last`."""
    if not path.is_file():
        return []
    # a crash of the machine leaves blank lines, NULs and half a row
    text = path.read_text(encoding="utf-8", errors="replace").replace("\0", "")
    header, *rows = list(csv.reader(text.splitlines())) or [[]]
    whole = [row for row in rows if len(row) == len(header) and row[0].isdecimal()]
    return [header, *(row for row in whole if int(row[0]) <= last)] if header else []
