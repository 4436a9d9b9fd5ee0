"""``invprob bench``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from invprob.cli import faults, options

if TYPE_CHECKING:
    from invprob.bench.grid import Cell
    from invprob.bench.session import Watch
    from invprob.cli.meter import Meter

EXAMPLES = """\b
Examples:
  invprob bench
  invprob bench suite.toml --dry-run
  invprob bench suite.toml --out results --workers 4
  invprob bench suite.toml --images pictures/ --limit 8
  invprob bench suite.toml --method sgilo --samples 16
  invprob bench suite.toml --scheduler tcp://10.0.0.1:8786

Finished cells are kept: the same command continues where it stopped, and
computes only what is missing or changed. The exit status is 1 if cells failed.
"""


@click.command(epilog=EXAMPLES)
@click.argument("suite", required=False, type=options.PATH)
@click.option(
    "--out",
    type=options.PATH,
    metavar="DIR",
    help="Folder of the bench; what it has is kept.  [default: runs/bench-NAME]",
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Compute in N processes.")
@click.option("--scheduler", metavar="URL", help="Compute on a running dask cluster.")
@click.option(
    "--images",
    multiple=True,
    type=options.PATH,
    metavar="PATH",
    help="Images, a folder or a zip file instead of the suite's. Repeatable.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Use so many images, evenly spread.  [the suite's]",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME",
    help="Compare this method of the suite, and no other. Repeatable.",
)
@click.option(
    "--samples",
    type=click.IntRange(1, 4096),
    metavar="N",
    help="Samples per image, of methods that do not say so themselves.  [the suite's]",
)
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Threads of a cell.  [the suite's]"
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Give up a cell after so long.  [the suite's]",
)
@click.option(
    "--dry-run", is_flag=True, help="Print the grid and an estimate of the time; write nothing."
)
@options.speech
def command(
    suite: Path | None,
    out: Path | None,
    workers: int | None,
    scheduler: str | None,
    threads: int | None,
    timeout: float | None,
    images: tuple[Path, ...],
    limit: int | None,
    methods: tuple[str, ...],
    samples: int | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Compare methods on the same measurements.

    SUITE is a TOML file of methods, operators, images and seeds; without one, sgilo, ilo, csgm and
    dps are compared with their defaults, on bundled images.
    """
    from invprob import paths
    from invprob.bench import suite_file
    from invprob.cli import bench_report
    from invprob.cli.meter import Meter
    from invprob.config.registry import registry
    from invprob.errors import BadParams

    if workers is not None and scheduler is not None:
        raise BadParams("--workers and --scheduler are given at once", "keep one of them")
    path = suite_file.DEFAULT if suite is None else suite
    with Meter(quiet) as meter:
        begin = meter.say if dry_run else meter.busy
        begin("reading the suite, loading the models …")
        changes = {
            "images": tuple(str(paths.existing(image).absolute()) for image in images) or None,
            "limit": limit,
            "samples": samples,
            "threads": threads,
        }
        changes = {name: value for name, value in changes.items() if value is not None}
        chosen = suite_file.read(path, registry(), changes).only(methods)
        from invprob.bench import session

        where = out or Path("runs") / f"bench-{chosen.name}"
        bench = session.prepare(chosen, path.parent, where, registry(), keep=not dry_run)
        patience = timeout or chosen.timeout
        if dry_run:
            meter.begin("timing", 0, len(chosen.method), "method")
            expected = session.estimate(bench, patience, meter.update)
        else:
            told = session.command_line(sys.argv[1:])
            place = session.Place(workers, scheduler)
            try:
                outcome = session.run(bench, registry(), place, patience, told, _watch(meter))
            except KeyboardInterrupt:
                raise faults.Stopped(
                    f"finished cells are kept in {where}", f"continue with: {told}"
                ) from None
    if dry_run:
        bench_report.plan(bench, expected, workers or 1)
        return 0
    if as_json:
        click.echo((where / "results.json").read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        bench_report.report(outcome)
    for cell, reason in outcome.failures:
        click.echo(f"failed: {cell.label}: {reason}", err=True)
    return 1 if outcome.failures else 0


def _watch(meter: Meter) -> Watch:
    from invprob.bench.session import Watch

    done = [0]

    def begin(have: int, total: int) -> None:
        done[0] = have
        if have == total:
            meter.say(f"all {total} cells are finished; the tables are written anew")
        else:
            meter.begin("bench", have, total, "cell")

    def step(cell: Cell, step: int, total: int) -> None:
        if meter.due(done[0]):
            meter.update(done[0], f"{cell.label}, step {step}/{total}")

    def finished(cell: Cell, reason: str | None) -> None:
        done[0] += 1
        if reason is not None:
            meter.say(f"failed: {cell.label}: {reason}")
        if meter.due(done[0]):
            meter.update(done[0], cell.label)

    return Watch(begin, step, finished)
