"""``invprob run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from invprob.cli import chunked, options, streams
from invprob.errors import UnknownComponent

if TYPE_CHECKING:
    from invprob.plots.vector import Format

EXAMPLES = """\b
Examples:
  invprob run runs/20260101-120000-sgilo-inpaint/experiment.toml
  invprob run experiment.toml --set seed=1 --set solver.lr=0.05 --out again
"""


@click.command(epilog=EXAMPLES)
@click.argument("file", metavar="FILE", type=options.PATH)
@options.batch
@options.workers
@options.out
@options.settings
@options.dry_run
@options.plots
@options.speech
def command(
    file: Path,
    batch: int | None,
    workers: int | None,
    scheduler: str | None,
    out: Path | None,
    settings: tuple[str, ...],
    dry_run: bool,
    plots: Format | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the experiment of a TOML file.

    Every run folder holds one, experiment.toml; `invprob solve --dry-run` prints one. Paths in it
    are taken from the current folder.
    """
    from invprob.config.toml import read

    try:
        experiment = options.experiment(read(file), settings)
    except UnknownComponent as error:
        from invprob.config.registry import registry
        from invprob.runs import manifest

        # the experiment of a run folder has the manifest of the run beside it
        raise manifest.missing_plugin(error, manifest.read(file.parent), registry()) from None
    if dry_run:
        click.echo(streams.exactly(experiment.to_toml()), nl=False)
    else:
        place = chunked.Place(batch, workers, scheduler)
        chunked.solve(experiment, out, quiet, as_json, place, plots)
