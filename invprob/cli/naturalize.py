"""``invprob naturalize``."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import click

from invprob.cli import again, completion, framing, options, progress, sampling
from invprob.io.json_text import dumps

EXAMPLES = """\b
Examples:
  invprob naturalize portrait.png --resize --crop --out natural
  invprob naturalize portraits/ --resize --strength 0.1 --out natural
"""

MOST_ROWS = 16
"""A table of more pictures is not printed, but the mean of all."""


@click.command(epilog=EXAMPLES)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=options.PATH)
@options.generator
@click.option(
    "--prior",
    type=completion.SpecType("prior"),
    metavar="STAGE=SPEC",
    default="3=latent-score",
    help="The prior and its stage.  [default: 3=latent-score]",
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.05,
    metavar="T",
    help="Diffusion time of the hot start: more keeps less of the picture, and from about 0.2 on"
    " another person is shown.  [default: 0.05]",
)
@click.option(
    "--sampler", metavar="SPEC", default="ancestral:steps=50", help="[default: ancestral:steps=50]"
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=200,
    metavar="N",
    help="Steps of the inversion.  [default: 200]",
)
@click.option(
    "--sigma",
    type=click.FloatRange(0, min_open=True),
    default=0.05,
    metavar="S",
    help="Tolerance of the inversion, for images in [0, 1].  [default: 0.05]",
)
@framing.fitting
@options.pictures_at_a_time
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Seed.  [default: 0]"
)
@options.device
@options.download
@options.begun_folder
@options.speech
def command(
    images: tuple[Path, ...],
    generator: str,
    prior: str,
    strength: float,
    sampler: str,
    steps: int,
    sigma: float,
    resize: bool,
    crop: bool,
    crop_at: str | None,
    limit: int | None,
    batch: int | None,
    seed: int,
    device: str | None,
    out: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Move pictures towards what a prior knows.

    Each IMAGE is inverted to a latent of the prior's stage, the latent noised to diffusion time
    --strength and taken back by the score model. Writes the pictures before and after, and
    sheet.png with a row for each of the first 64: given, inverted, naturalised. After Ctrl-C or a
    kill the same command goes on.
    """
    from invprob import paths
    from invprob.cli import console
    from invprob.cli.meter import Meter
    from invprob.config.registry import registry

    for image in images:
        paths.existing(image)
    spec = options.checked("generator", generator)
    stage, which = sampling.score_prior(prior)
    how = sampling.sampler(sampler)
    with Meter(quiet) as meter:
        meter.busy("loading PyTorch and the generator …")
        from dataclasses import replace

        from invprob.io import chunked, survey
        from invprob.io import images as pictures
        from invprob.io.framing import Framing
        from invprob.latents import stages
        from invprob.params.crop_at import place
        from invprob.runs import build, chunk_size
        from invprob.runs.naturalised import Naturalisation

        where = build.device(device or "auto")
        files = survey.sound(pictures.gather(images, taken=("sheet",))[:limit])
        model = build.component(registry(), "generator", spec).to(where).eval()
        model.requires_grad_(False)
        stages.check((stage,), (1,), model, "--prior")
        score = build.component(registry(), "prior", which, model, stage).to(where).eval()
        score.requires_grad_(False)
        framed = Framing(resize, crop, place(crop_at or "middle"))
        work = Naturalisation(
            out, model, score, stage, files, framed, strength, how, steps, sigma, seed, where
        )
        size = chunked.size_of(out)
        if size is None:
            size = chunk_size.pictures(batch, len(files), where, work.trial)
        work = replace(work, size=size)
        work.begin()
        ended = progress.each(work, work.solve, meter)
        progress.follow(work, ended, meter, "naturalize", str(out), again.hint())
        figures = work.finish()
        rows = figures["images"]
    if as_json:
        click.echo(dumps({"out": str(out), **figures}))
    elif not quiet:
        columns = [
            console.Column("image", wrap=True),
            console.Column("PSNR of inversion", number=True),
            console.Column("PSNR after", number=True),
            console.Column("log-likelihood of inversion", number=True),
            console.Column("log-likelihood after", number=True),
        ]
        keys = list(rows[0])[1:]
        values = [[math.nan if row[k] is None else row[k] for k in keys] for row in rows]
        shown = [
            [row["image"], *(f"{value:.2f}" for value in of_row)]
            for row, of_row in zip(rows, values, strict=True)
        ]
        if len(rows) > MOST_ROWS:
            means = (statistics.fmean(column) for column in zip(*values, strict=True))
            shown = [[f"mean of {len(rows)}", *(f"{mean:.2f}" for mean in means)]]
        console.table(columns, shown)
        console.say("PSNR to the picture in dB; log-likelihood in nats per dimension of the latent")
        console.say(str(out / "sheet.png"), "bold")
