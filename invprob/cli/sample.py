"""``invprob sample``."""

from __future__ import annotations

from pathlib import Path

import click

from invprob.cli import completion, options, sampling
from invprob.errors import BadParams
from invprob.io.json_text import dumps

PRIOR_BATCH = 16
"""Pictures drawn side by side from a prior, whose network is asked many times for each."""


@click.command()
@options.generator
@click.option(
    "--count",
    "--samples",
    "count",
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
@click.option(
    "--prior",
    type=completion.SpecType("prior"),
    metavar="STAGE=SPEC",
    help="Draw the latents of a stage from this prior, e.g. 1=latent-score.",
)
@click.option(
    "--sampler",
    metavar="SPEC",
    help="How the prior is sampled: euler, reverse, ancestral, ode or none, with parameters.  "
    "[default: ancestral]",
)
@click.option(
    "--hot",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="T",
    help="Start the prior at diffusion time T from a latent of the generator, not from noise.",
)
@options.device
@options.download
@options.new_folder
@options.speech
def command(
    generator: str,
    count: int,
    seed: int,
    prior: str | None,
    sampler: str | None,
    hot: float | None,
    device: str | None,
    out: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Draw images from a generator, or from a prior through it.

    Writes a PNG for each image and sheet.png with all of them. For example:

        invprob sample --generator stylegan2:truncation=0.7 --count 32 --out faces

        invprob sample --prior 3=latent-score --sampler ode:steps=40 --out drawn
    """
    from invprob.cli import console
    from invprob.cli.meter import Meter
    from invprob.config.registry import registry

    spec = options.checked("generator", generator)
    chosen = sampling.score_prior(prior) if prior is not None else None
    how = sampling.sampler(sampler or "ancestral")
    idle = [name for name, value in (("--hot", hot), ("--sampler", sampler)) if value is not None]
    if idle and chosen is None:
        what = f"{idle[0]} is given without a prior"
        raise BadParams(what, "say which: --prior 1=latent-score")
    with Meter(quiet) as meter:
        meter.busy("loading PyTorch and the generator …")
        from invprob.latents import generation, stages
        from invprob.runs import build, folder

        where = build.device(device or "auto")
        model = build.component(registry(), "generator", spec).to(where).eval()
        make = generation.of_generator(model, seed, where)
        if chosen is not None:
            stage, which = chosen
            stages.check((stage,), (1,), model, "--prior")
            score = build.component(registry(), "prior", which, model, stage).to(where).eval()
            make = generation.of_prior(model, score, stage, seed, how, hot)
        folder.claim(out)
        meter.begin(spec.name, 0, count, "image")
        pictures = []
        drawn = generation.draw(make, count, out, batch=1 if chosen is None else PRIOR_BATCH)
        for i, picture in enumerate(drawn):
            pictures.append(picture)
            if meter.due(i + 1):
                meter.update(i + 1, "")
        generation.write_sheet(out / "sheet.png", pictures)
    if as_json:
        click.echo(dumps({"out": str(out), "count": count, "sheet": str(out / "sheet.png")}))
    elif not quiet:
        console.say(str(out), "bold")
        console.say(str(out / "sheet.png"), "bold")
