"""``invprob mask``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from invprob.cli import options

EXAMPLES = """\b
Examples:
  invprob mask photo.jpg
  invprob mask photo.jpg --out scratches.png --no-browser
  invprob solve --measurement photo.jpg --operator inpaint:mask=mask.png
"""


@click.command(epilog=EXAMPLES)
@click.argument("picture", metavar="PICTURE", type=options.PATH)
@click.option(
    "--out",
    type=options.PATH,
    default="mask.png",
    metavar="FILE",
    help="The mask to write, a new PNG.  [default: mask.png]",
)
@click.option(
    "--no-browser", is_flag=True, help="Print the address of the page and open no browser."
)
def command(picture: Path, out: Path, no_browser: bool) -> None:
    """Paint the hole of a picture in the browser.

    A page on this machine shows PICTURE. What is painted there is missing, the rest is measured;
    saving writes the mask and ends the command.
    """
    from invprob.cli import console
    from invprob.errors import BadInput
    from invprob.io import images
    from invprob.mask_page.server import MaskServer
    from invprob.params import Spec

    if out.suffix.lower() != ".png":
        raise BadInput(f"{out} does not end in .png", "a mask is written as PNG: --out mask.png")
    if out.exists():
        raise BadInput(f"{out} is there already", "give another --out, or remove it")
    with MaskServer(images.read(picture, None), picture.name, out) as server:
        console.say(f"paint and save at {server.url}")
        console.say("only this machine can open it; Ctrl-C ends it without a mask", "dim")
        if not no_browser and not _open(server.url):
            console.say("no browser was found here; open the address yourself", "yellow")
        server.serve_forever(poll_interval=0.1)
    words = ["invprob", "solve", "--measurement", str(picture)]
    words += ["--operator", str(Spec(name="inpaint").with_params(mask=str(out)))]
    console.say(str(out), "bold")
    console.say(f"restore it: {shlex.join(words)}", "dim")


def _open(url: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Open a browser, if there is one; one in a terminal would take it, and cannot paint."""
    import webbrowser

    graphical = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & environment.keys()
    return (sys.platform != "linux" or bool(graphical)) and webbrowser.open(url)
