"""The command line. This, `process`, `streams` and click are all that ``--help`` imports."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence

import click

from invprob._version import __version__
from invprob.cli import streams
from invprob.config import process

# not called `list`: a submodule of that name would hide the builtin in this file
MODULES = {"list": "listing"}

COMMANDS = {
    "solve": "Reconstruct images from degraded measurements.",
    "run": "Run the experiment of a TOML file.",
    "resume": "Continue an interrupted run where it stopped.",
    "bench": "Compare methods on the same measurements.",
    "list": "List the components that plugins offer.",
    "show": "Show the parameters of a component.",
    "sample": "Draw images from a generator, or from a prior through it.",
    "invert": "Find the latents of images: a data set to train a prior on.",
    "mask": "Paint the hole of a picture in the browser.",
    "naturalize": "Move pictures towards what a prior knows.",
    "check": "Check that a plugin follows the rules.",
    "train": "Train a generator, prior or diffusion model on your own images.",
    "convert": "Convert published weights to safetensors.",
    "weights": "List, add, fetch, remove and verify weights by name.",
    "new": "Write the package of a new plugin, which works as it stands.",
}

EXAMPLES = """\b
Examples:
  invprob solve
  invprob solve photo.png --resize --operator superres:factor=4 --solver csgm
  invprob list solver
  invprob show solver sgilo

\b
Tab completes components and files in bash after this line (zsh_source for zsh):
  eval "$(_INVPROB_COMPLETE=bash_source invprob)"
"""


class Commands(click.Group):
    """Commands that are imported when they are called, and listed without being imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = MODULES.get(cmd_name, cmd_name)
        command = importlib.import_module(f"invprob.cli.{module}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from invprob.errors import InvprobError, nearest

            options = {"version": "write invprob --version", "help": "write invprob --help"}
            hint = options.get(args[0]) or nearest(args[0], COMMANDS)
            raise InvprobError(f"no command is called {args[0]!r}", hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="invprob")
def root() -> None:
    """Solve inverse problems in imaging with deep generative priors."""


def call(args: Sequence[str] | None = None) -> int:
    """Run a command line. Faults of the input are one sentence and one hint.

    Args:
        args: Its words after ``invprob``; None for those of this process.

    Returns:
        The exit status: 0, or 1 for what a check found, or 2 for a fault of the input, or 130 after
        Ctrl-C.
    """
    try:
        with streams.notices():
            status = root.main(args, prog_name="invprob", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except BrokenPipeError:
        return streams.abandon()
    except BaseException as error:
        from invprob.cli import faults

        if faults.wants_help(error):
            return 0
        known = faults.explain(error)
        if known is None:
            raise
        faults.show(known)
        return known.status


def main() -> None:
    """The entry point ``invprob``. A scheduler's SIGTERM saves as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    process.prepare()
    streams.prepare()
    status = call()
    unwritten = streams.close()
    sys.exit(status or unwritten)
