"""``invprob train``."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invprob.cli import completion, faults, keyed, options
from invprob.errors import BadParams
from invprob.io.json_text import dumps

if TYPE_CHECKING:
    from invprob.cli.meter import Meter
    from invprob.trainer import TrainingProgress

EXAMPLES = """\b
Examples:
  invprob train generator faces/ --out my-faces --batch 16
  invprob train prior my-faces/best.safetensors --out my-prior --stage 2
  invprob train prior faces64 --out real --stage 1 --latents inverted --data DIR
  invprob show trainer generator
"""


@click.command(
    epilog=EXAMPLES,
    options_metavar="[OPTIONS] [--KEY VALUE]...",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("name", type=completion.SpecType("trainer"))
@click.argument("source", type=options.PATH)
@click.argument("extra", nargs=-1, type=click.UNPROCESSED, metavar="")
@click.option(
    "--out",
    type=options.PATH,
    metavar="DIR",
    required=True,
    help="Folder for weights and checkpoints; a training in it is continued.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter of the trainer, as --KEY VALUE. Repeatable.",
)
@options.speech
def command(
    name: str,
    source: Path,
    extra: tuple[str, ...],
    out: Path,
    settings: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a generator, prior or diffusion model on your own images.

    NAME is a trainer of `invprob list trainer`; SOURCE is what it learns from, a folder or zip file
    of images for a generator or diffusion model, weights of a generator for a prior. --KEY VALUE
    sets any parameter of `invprob show trainer NAME`. Ctrl-C keeps the newest checkpoint; the same
    command goes on from there.
    """
    from invprob.cli import console
    from invprob.cli.meter import Meter
    from invprob.config import input_files
    from invprob.config.registry import registry
    from invprob.params import Spec

    spec = Spec.model_validate(name)
    entry = registry().find("trainer", spec.name)
    model = entry.params()
    switches = {key for key, field in model.model_fields.items() if field.annotation is bool}
    given: dict[str, Any] = {}
    for part in (spec.params, keyed.pairs(settings), keyed.flags(extra, switches)):
        if twice := sorted(part.keys() & given.keys()):
            raise BadParams(f"{twice[0]!r} is given twice", "keep one of them")
        given |= part
    params = model.parse(given, f"trainer {spec.name}")
    input_files.check_params(params)
    # of several processes (torchrun) the first speaks
    quiet = quiet or os.environ.get("RANK", "0") != "0"
    try:
        with Meter(quiet) as meter:
            meter.busy("loading PyTorch …")
            train = entry.load()
            meter.busy("reading the data, then the first steps …")
            last = _watched(train(params, source, out), meter, spec.name)
    except KeyboardInterrupt:
        if not out.is_dir() or not any(out.iterdir()):
            raise
        again = shlex.join(["invprob", *sys.argv[1:]])
        raise faults.Stopped(
            f"the newest checkpoint is kept in {out}", f"continue with: {again}"
        ) from None
    if as_json:
        click.echo(dumps(_plain(out, last)))
    elif not quiet:
        if last is not None:
            console.say(f"{last.step} {last.unit}s, {figures(last)}")
        console.say(str(out), "bold")


def _watched(
    records: Iterator[TrainingProgress], meter: Meter, label: str
) -> TrainingProgress | None:
    """Show every record. The first Ctrl-C (or SIGTERM) closes the trainer at its next record, where
    it saves a checkpoint; the second ends it on the spot."""
    last: TrainingProgress | None = None
    pressed = False

    def press(*_: object) -> None:
        nonlocal pressed
        if pressed or last is None:
            raise KeyboardInterrupt
        pressed = True
        meter.say("stopping at the next record; Ctrl-C again to stop at once")

    before = {which: signal.signal(which, press) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        for record in records:
            if last is None:
                meter.begin(label, record.step, record.total, record.unit)
            last = record
            if record.picture is not None:
                meter.say(str(record.picture))
            if meter.due(record.step):
                meter.update(record.step, figures(record))
            if pressed and record.step < record.total:
                close = getattr(records, "close", None)
                if close is not None:
                    close()
                raise KeyboardInterrupt
        return last
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def figures(record: TrainingProgress) -> str:
    """Write the figures of a record in words.

    Args:
        record: The record.

    Returns:
        The words.
    """
    return ", ".join(f"{key} {value:.4g}" for key, value in record.figures.items())


def _plain(out: Path, last: TrainingProgress | None) -> dict[str, Any]:
    if last is None:
        return {"out": str(out)}
    return {"out": str(out), "step": last.step, "figures": dict(last.figures)}
