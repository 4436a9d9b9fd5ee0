"""``invprob sample``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from invprob.cli import again, completion, options, progress, sampling
from invprob.errors import BadParams
from invprob.io.json_text import dumps


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
@options.pictures_at_a_time
@options.device
@options.download
@options.begun_folder
@options.speech
def command(
    generator: str,
    count: int,
    seed: int,
    prior: str | None,
    sampler: str | None,
    hot: float | None,
    batch: int | None,
    device: str | None,
    out: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Draw images from a generator, or from a prior through it.

    Writes a PNG for each image and sheet.png with the first 256 of them. After Ctrl-C or a kill the
    same command goes on. For example:

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
        from invprob import fingerprint
        from invprob.io import chunked
        from invprob.latents import generation, stages
        from invprob.runs import build, chunk_size

        where = build.device(device or "auto")
        model = build.component(registry(), "generator", spec).to(where).eval()
        parts = [model]
        make = generation.of_generator(model, seed, where)
        if chosen is not None:
            stage, which = chosen
            stages.check((stage,), (1,), model, "--prior")
            parts.append(build.component(registry(), "prior", which, model, stage).to(where).eval())
            make = generation.of_prior(model, parts[1], stage, seed, how, hot)
        size = chunked.size_of(out)
        if size is None and chosen is None and batch is None:
            size = 1  # a picture by itself has the same bits in every command
        elif size is None:
            size = chunk_size.pictures(batch, count, where, lambda: make([0]))
        about: dict[str, Any] = {
            "count": count,
            "seed": seed,
            "hot": hot,
            "sampler": how.model_dump(mode="json"),
        }
        about |= {"generator": str(spec), "prior": None if chosen is None else str(chosen[1])}
        about["weights"] = fingerprint.of_modules(*parts)
        chunked.begin(out, about, size)
        work = generation.Drawing(out, make, chunked.Cut(count, size))
        ended = progress.each(work, lambda k, _: work.solve(k), meter)
        progress.follow(work, ended, meter, spec.name, str(out), again.hint())
        sheet = work.write_sheet()
        chunked.end(out)
    if as_json:
        click.echo(dumps({"out": str(out), "count": count, "sheet": str(sheet)}))
    elif not quiet:
        console.say(str(out), "bold")
        console.say(str(sheet), "bold")
