"""``invprob resume``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from invprob.cli import chunked, options

if TYPE_CHECKING:
    from invprob.plots.vector import Format


@click.command()
@click.argument("run", metavar="DIR", type=options.PATH)
@options.workers
@options.plots
@options.speech
def command(
    run: Path,
    workers: int | None,
    scheduler: str | None,
    plots: Format | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Continue an interrupted run where it stopped.

    On a CPU the result has the same bits as that of a run that was never interrupted.
    """
    chunked.resume(run, quiet, as_json, chunked.Place(None, workers, scheduler), plots)
