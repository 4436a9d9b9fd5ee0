"""``invprob resume``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from invprob.cli import execute, options

if TYPE_CHECKING:
    from invprob.plots.vector import Format


@click.command()
@click.argument("run", metavar="DIR", type=options.PATH)
@options.plots
@options.speech
def command(run: Path, plots: Format | None, quiet: bool, as_json: bool) -> None:
    """Continue an interrupted run where it stopped.

    On a CPU the result has the same bits as that of a run that was never interrupted.
    """
    execute.resume(run, quiet, as_json, plots)
