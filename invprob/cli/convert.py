"""``invprob convert``."""

from __future__ import annotations

from pathlib import Path

import click

from invprob.cli import options
from invprob.io import checksums
from invprob.io.json_text import dumps

EXAMPLES = """\b
Examples:
  invprob convert ffhq.pkl ffhq.safetensors --license "Nvidia Source Code License-NC"
  invprob convert snapshot.pkl last.safetensors --converter nvlabs-stylegan2:network=G
  invprob list converter
"""


@click.command(epilog=EXAMPLES)
@click.argument("file", type=options.PATH)
@click.argument("out", type=options.PATH)
@click.option(
    "--converter",
    metavar="SPEC",
    help="The format, with its parameters.  [default: found by content]",
)
@click.option(
    "--license", "--licence", "licence", metavar="TEXT", help="The licence of the weights, kept."
)
@options.speech
def command(
    file: Path, out: Path, converter: str | None, licence: str | None, quiet: bool, as_json: bool
) -> None:
    """Convert published weights to safetensors.

    FILE is a checkpoint in a format of `invprob list converter`, OUT a new file that every
    `weights=` takes. Nothing in FILE is run. Names and shapes of all tensors must be those of the
    architecture; names of what is missing or unexpected are printed.
    """
    from invprob import paths
    from invprob.cli import console
    from invprob.cli.meter import Meter
    from invprob.errors import BadInput

    spec = options.checked("converter", converter) if converter is not None else None
    if out.suffix != ".safetensors":
        raise BadInput(
            f"{out} does not end in .safetensors",
            "convert writes safetensors; name it OUT.safetensors",
        )
    if out.exists():
        raise BadInput(f"{out} is there already", "give another name, or remove it")
    with Meter(quiet) as meter:
        meter.busy("loading PyTorch and the file …")
        from invprob.io import tensor_files
        from invprob.weights import formats

        name, made = formats.convert(file, spec)
        metadata = {**made.metadata, "licence": licence or "unknown"}
        paths.made(out.parent)
        tensor_files.write(out, made.tensors, metadata)
    facts = {
        "recognised": made.summary,
        "converter": name,
        "tensors": len(made.tensors),
        "numbers": sum(value.numel() for value in made.tensors.values()),
        "source_sha256": made.metadata["source_sha256"],
        "sha256": checksums.sha256(out),
        "licence": metadata["licence"],
        "out": str(out),
    }
    if as_json:
        click.echo(dumps(facts))
    elif not quiet:
        console.entries([(key, str(value)) for key, value in facts.items() if key != "out"], "dim")
        console.say(str(out), "bold")
