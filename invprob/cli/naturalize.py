"""``invprob naturalize``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from invprob import fingerprint
from invprob.cli import completion, framing, options, sampling
from invprob.io.json_text import dumps

if TYPE_CHECKING:
    from torch import Tensor

EXAMPLES = """\b
Examples:
  invprob naturalize portrait.png --resize --crop --out natural
  invprob naturalize portraits/ --resize --strength 0.1 --out natural
"""


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
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, metavar="N", help="Seed.  [default: 0]"
)
@options.device
@options.download
@options.new_folder
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
    seed: int,
    device: str | None,
    out: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Move pictures towards what a prior knows.

    Each IMAGE is inverted to a latent of the prior's stage, the latent noised to diffusion time
    --strength and taken back by the score model. Writes the pictures before and after, and
    sheet.png with a row for each: given, inverted, naturalised.
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
        import torch

        from invprob import seeds
        from invprob.analysis import metrics
        from invprob.io import images as pictures_of
        from invprob.io.files import write_json
        from invprob.io.framing import Framing
        from invprob.latents import stages
        from invprob.latents.naturalize import naturalise
        from invprob.params.crop_at import place
        from invprob.runs import build, folder

        where = build.device(device or "auto")
        model = build.component(registry(), "generator", spec).to(where).eval()
        model.requires_grad_(False)
        stages.check((stage,), (1,), model, "--prior")
        score = build.component(registry(), "prior", which, model, stage).to(where).eval()
        score.requires_grad_(False)
        shape = model.image_shape
        files = pictures_of.gather(images)[:limit]
        how_framed = Framing(resize, crop, place(crop_at or "middle"))
        given = torch.stack(
            [how_framed.picture(f.read(shape[0]), shape[1:], f.name) for f in files]
        )
        keys = [seeds.key(seed, "naturalize", fingerprint.digest(picture)) for picture in given]
        folder.claim(out)
        meter.begin("inversion", 0, steps, "step")

        def watch(step: int) -> None:
            if meter.due(step):
                meter.update(step, "")

        found = naturalise(
            model, score, stage, given.to(where), keys, strength, how, steps, sigma, watch
        )
        inverted, natural = (part.clamp(0, 1).cpu() for part in (found.inverted, found.natural))
        rows = []
        for i, file in enumerate(files):
            pictures_of.write_png(out / "inverted" / f"{file.name}.png", inverted[i])
            pictures_of.write_png(out / f"{file.name}.png", natural[i])
            rows.append(
                {
                    "image": file.name,
                    "psnr_inverted": float(metrics.psnr(inverted[i : i + 1], given[i : i + 1])),
                    "psnr_natural": float(metrics.psnr(natural[i : i + 1], given[i : i + 1])),
                    "likelihood_inverted": float(found.likelihood_inverted[i]),
                    "likelihood_natural": float(found.likelihood_natural[i]),
                }
            )
        _write_sheet(out / "sheet.png", [f.name for f in files], given, inverted, natural)
        figures = {"strength": strength, "stage": stage, "images": rows}
        write_json(out / "figures.json", figures)
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
        shown = [[f"{value:.2f}" for value in list(row.values())[1:]] for row in rows]
        console.table(columns, [[str(r["image"]), *v] for r, v in zip(rows, shown, strict=True)])
        console.say("PSNR to the picture in dB; log-likelihood in nats per dimension of the latent")
        console.say(str(out / "sheet.png"), "bold")


def _write_sheet(path: Path, names: Sequence[str], *states: Tensor) -> None:
    """The pictures (B, C, H, W) of every state, side by side."""
    from invprob.io import images
    from invprob.io.files import replacing
    from invprob.plots import layout, raster

    rows = [
        layout.Row(name, [layout.Cell(images.to_pil(state[i])) for state in states])
        for i, name in enumerate(names)
    ]
    size = layout.cell_size(*states[0].shape[-2:])
    page = raster.draw(layout.Page(("given", "inverted", "naturalised"), rows, size))
    with replacing(path) as part:
        page.save(part, "PNG")
