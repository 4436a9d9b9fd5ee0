"""Ctrl-C in a run that can be resumed."""

from __future__ import annotations

from pathlib import Path


class Interrupted(Exception):
    """The user pressed Ctrl-C; the run can be resumed.

    Args:
        out: The folder of the run.
    """

    def __init__(self, out: Path) -> None:
        super().__init__(str(out))
        self.out = out
