"""``invprob solve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invprob.cli import chunked, completion, framing, options, streams

if TYPE_CHECKING:
    from invprob.plots.vector import Format

EXAMPLES = """\b
Examples:
  invprob solve
  invprob solve faces/ --operator inpaint:keep=0.05 --samples 8
  invprob solve photo.png --resize --crop --operator superres:factor=4
  invprob solve --operator "blur:sigma=2|superres:factor=2" --solver csgm
  invprob solve --measurement y.png --operator inpaint:mask=hole.png
  invprob solve --set solver.steps=40 --dry-run

A component is written NAME:key=value,key=value, a value with | or , in quotes:
'inpaint:mask="a|b.png"'. `invprob list` names the components, `invprob show
KIND NAME` their parameters. Ctrl-C keeps the run; go on with `invprob resume
DIR`.
"""


@click.command(epilog=EXAMPLES)
@click.argument("images", nargs=-1, metavar="[IMAGE]...", type=options.PATH)
@click.option(
    "--solver",
    type=completion.SpecType("solver"),
    metavar="SPEC",
    help="The algorithm.  [default: sgilo; pnp for pictures that are not 64×64]",
)
@click.option(
    "--operator",
    type=completion.SpecType("operator"),
    metavar="SPEC",
    help="What the measurement sees of the image; A|B applies A, then B.  [default: inpaint]",
)
@click.option(
    "--noise",
    type=completion.SpecType("noise"),
    metavar="SPEC",
    help="The noise, for images in [0, 1].  [default: gaussian:sigma=0.02]",
)
@click.option(
    "--generator",
    type=completion.SpecType("generator"),
    metavar="SPEC",
    help="The generator.  [default: the solver's choice]",
)
@click.option(
    "--prior",
    "priors",
    type=completion.SpecType("prior"),
    multiple=True,
    metavar="[STAGE=]SPEC",
    help="The prior, of every stage or of one. Repeatable.  [default: the solver's choice]",
)
@click.option(
    "--samples",
    type=int,
    metavar="N",
    help="Samples (chains, restarts) per image, 1 to 4096.  [default: 4; of pnp 1]",
)
@click.option("--seed", type=int, metavar="N", help="Seed of every draw, 0 or more.  [default: 0]")
@options.device
@options.download
@click.option(
    "--measurement",
    type=options.PATH,
    metavar="FILE",
    help="Start from this degraded picture or array; there is no ground truth then.",
)
@click.option(
    "--keep-measured",
    is_flag=True,
    help="Keep measured pixels as they are in restored.png; needs a measurement without noise.",
)
@framing.framed
@click.option(
    "--limit",
    type=int,
    metavar="N",
    help=f"Use the first N images.  [default: all; of the bundled ones {options.BUNDLED}]",
)
@options.batch
@options.workers
@options.observe
@options.out
@options.settings
@options.dry_run
@options.plots
@options.speech
def command(
    images: tuple[Path, ...],
    priors: tuple[str, ...],
    operator: str | None,
    keep_measured: bool,
    resize: bool,
    crop: bool,
    crop_at: str | None,
    batch: int | None,
    workers: int | None,
    scheduler: str | None,
    observe: tuple[str, ...],
    out: Path | None,
    settings: tuple[str, ...],
    dry_run: bool,
    plots: Format | None,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Reconstruct images from degraded measurements.

    Each IMAGE is a picture, a folder or a zip file of pictures. It is degraded by the operator and
    the noise, then reconstructed, and the results are compared with it. Without an IMAGE, bundled
    samples are used.
    """
    table = {key: value for key, value in given.items() if value is not None}
    if images:
        table["images"] = images
    if operator is not None:
        table["operator"] = [operator]
    if priors:
        table["prior"] = options.priors(priors)
    if keep_measured:
        table["keep_measured"] = True
    if resize:
        table["resize"] = True
    if crop:
        table["crop"] = True
    if crop_at is not None:
        table["crop_at"] = crop_at
    if observe:
        table["observe"] = observe
    experiment = options.experiment(table, settings, by_size=True)
    if dry_run:
        click.echo(streams.exactly(experiment.to_toml()), nl=False)
    else:
        place = chunked.Place(batch, workers, scheduler)
        chunked.solve(experiment, out, quiet, as_json, place, plots)
