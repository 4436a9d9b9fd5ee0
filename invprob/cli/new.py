"""``invprob new``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from invprob import scaffold
from invprob.cli import options

EXAMPLES = """\b
Examples:
  invprob new my-sampler --kind solver
  invprob new kspace --kind operator --out ~/plugins/kspace
"""


@click.command(epilog=EXAMPLES)
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(scaffold.KINDS),
    required=True,
    help="What the package offers.",
)
@click.option(
    "--out",
    type=options.PATH,
    metavar="DIR",
    help="New or empty folder for the package.  [default: invprob-NAME]",
)
def command(name: str, kind: str, out: Path | None) -> None:
    """Write the package of a new plugin, which works as it stands.

    It holds a small method of its kind: for a solver Metropolis-adjusted Langevin, for an operator
    the Fourier measurements of magnetic resonance, for a prior Huber's distribution, for a
    generator the principal components of a folder of images. Install it, and replace the method by
    your own.
    """
    from invprob.config.registry import registry

    names = scaffold.substitutions(name, kind)
    folder = Path(names["distribution"]) if out is None else out
    written = scaffold.create(name, kind, folder, registry())
    for path in written:
        click.echo(str(path))
    where = shlex.quote(str(folder))
    click.echo()
    click.echo("Install it, look at it, test it:")
    click.echo(f"  pip install -e {where}")
    click.echo(f"  invprob show {kind} {name}")
    click.echo(f"  python -m pytest {where}")
