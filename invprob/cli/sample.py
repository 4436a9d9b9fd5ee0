"""``invprob sample``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from invprob.cli import options


@click.command()
@click.option(
    "--generator", metavar="SPEC", default="stylegan2", help="The generator.  [default: stylegan2]"
)
@click.option(
    "--count",
    type=click.IntRange(min=1, max=1_000_000),
    default=16,
    metavar="N",
    help="How many images.  [default: 16]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Seed of every draw; image i depends on it and on i alone.  [default: 0]",
)
@options.device
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    required=True,
    help="New or empty folder for the images.",
)
@options.speech
def command(
    generator: str,
    count: int,
    seed: int,
    device: str | None,
    out: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Draw images from a generator.

    Writes a PNG for each image and sheet.png with all of them. For example:

        invprob sample --generator stylegan2:truncation=0.7 --count 32 --out faces
    """
    from invprob.cli import console
    from invprob.params import Spec
    from invprob.registry import registry

    spec = Spec.model_validate(generator)
    entry = registry().find("generator", spec.name)
    entry.params().parse(spec.params, f"generator {spec.name}")
    with console.Meter(quiet) as meter:
        meter.busy("loading PyTorch and the generator …")
        from invprob import build, folder
        from invprob.gallery import draw, write_sheet

        where = build.device(device or "auto")
        model = build.component(registry(), "generator", spec).to(where).eval()
        folder.claim(out)
        meter.begin(spec.name, 0, count, "image")
        pictures = []
        for i, picture in enumerate(draw(model, count, seed, where, out)):
            pictures.append(picture)
            if meter.due(i + 1):
                meter.update(i + 1, "")
        write_sheet(out / "sheet.png", pictures)
    if as_json:
        click.echo(json.dumps({"out": str(out), "count": count, "sheet": str(out / "sheet.png")}))
    elif not quiet:
        console.say(str(out), "bold")
        console.say(str(out / "sheet.png"), "bold")
