"""``invprob run``."""

from __future__ import annotations

from pathlib import Path

import click

from invprob.cli import chunked, options, streams

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
@options.speech
def command(
    file: Path,
    batch: int | None,
    workers: int | None,
    scheduler: str | None,
    out: Path | None,
    settings: tuple[str, ...],
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the experiment of a TOML file.

    Every run folder holds one, experiment.toml; `invprob solve --dry-run` prints one. Paths in it
    are taken from the current folder.
    """
    from invprob.config.toml import read

    experiment = options.experiment(read(file), settings)
    if dry_run:
        click.echo(streams.exactly(experiment.to_toml()), nl=False)
    else:
        place = chunked.Place(batch, workers, scheduler)
        chunked.solve(experiment, out, quiet, as_json, place)
