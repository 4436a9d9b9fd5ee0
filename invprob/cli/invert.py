"""``invprob invert``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from invprob.cli import again, framing, keyed, options, progress
from invprob.errors import BadParams
from invprob.io.json_text import dumps

EXAMPLES = """\b
Examples:
  invprob invert faces/ --stage 1 --out inverted
  invprob invert photos.zip --resize --stage 3 --set steps=300 --out inverted
  invprob invert faces/ --set encoder=encoder.safetensors --set steps=30 --out inverted
  invprob train prior faces64 --out prior --latents inverted --data inverted
"""


@click.command(epilog=EXAMPLES)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=options.PATH)
@options.generator
@click.option("--stage", metavar="K", default=1, help="The stage of the latents.  [default: 1]")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="steps, lr, sigma, weight or encoder; batch as --batch. Repeatable.",
)
@framing.fitting
@options.pictures_at_a_time
@options.device
@click.option(
    "--out",
    type=options.PATH,
    metavar="DIR",
    required=True,
    help="Folder for the latents; one that was begun is continued.",
)
@options.speech
def command(
    images: tuple[Path, ...],
    generator: str,
    stage: int,
    settings: tuple[str, ...],
    resize: bool,
    crop: bool,
    crop_at: str | None,
    limit: int | None,
    batch: int | None,
    device: str | None,
    out: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Find the latents of images: a data set to train a prior on.

    Each IMAGE is a picture, a folder or a zip file. Latents are written in shards as they are
    found; after Ctrl-C or a kill the same command goes on. `invprob train prior` learns from them.
    """
    from invprob import paths
    from invprob.cli import console
    from invprob.cli.meter import Meter
    from invprob.config import input_files
    from invprob.config.registry import registry
    from invprob.latents.params import InversionParams

    given: dict[str, Any] = {"stage": stage, "resize": resize, "crop": crop}
    given |= {"crop_at": crop_at} if crop_at else {}
    set_by_key = keyed.pairs(settings)
    if batch is not None and "batch" in set_by_key:
        raise BadParams("--batch and --set batch are given at once", "keep one of them")
    params = InversionParams.parse({**given, **set_by_key}, "--set")
    input_files.check_params(params)
    for image in images:
        paths.existing(image)
    spec = options.checked("generator", generator)
    with Meter(quiet) as meter:
        meter.busy("loading PyTorch and the generator …")
        from invprob.io import images as pictures
        from invprob.io import survey
        from invprob.latents import inversion_dataset, inverted, stages
        from invprob.runs import build, chunk_size

        where = build.device(device or "auto")
        files = survey.sound(pictures.gather(images)[:limit])
        model = build.component(registry(), "generator", spec).to(where).eval()
        model.requires_grad_(False)
        stages.check((stage,), (1,), model, "--stage")
        work = inversion_dataset.Inversions(out, model, files, params, where)
        if "batch" not in set_by_key:
            begun = inverted.batch_of(out) if batch is None else None
            size = begun or chunk_size.pictures(batch, len(files), where, work.trial)
            work = work.in_shards_of(size)
        work.begin()
        ended = progress.each(work, work.solve, meter)
        progress.follow(work, ended, meter, "inversion", str(out), again.hint())
        psnrs = [psnr for k in range(len(work.cut)) for psnr in work.psnrs(k)]
    figures = {
        "out": str(out),
        "images": len(psnrs),
        "psnr_mean": sum(psnrs) / len(psnrs),
        "psnr_min": min(psnrs),
        "psnr_max": max(psnrs),
    }
    if as_json:
        click.echo(dumps(figures))
    elif not quiet:
        mean, least, most = (figures[f"psnr_{k}"] for k in ("mean", "min", "max"))
        console.say(
            f"{len(psnrs)} images inverted at {mean:.2f} dB on average ({least:.2f} to {most:.2f})"
        )
        console.say(str(out), "bold")
