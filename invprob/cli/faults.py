"""What went wrong, for a person: one sentence, one hint, an exit status; bugs stay tracebacks."""

from __future__ import annotations

import errno
from dataclasses import dataclass

import click

from invprob.cli import streams
from invprob.errors import Diverged, InvprobError

FAILED, USER, INTERRUPTED = 1, 2, 130

_FILESYSTEM = {
    errno.ENOSPC: ("the disk is full", "free some space; a run that has begun can be resumed"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or give another --out"),
    errno.EACCES: ("permission denied", "check the owner and mode of the file"),
    errno.EPERM: ("permission denied", "check the owner and mode of the file"),
    errno.EFBIG: ("a file would be larger than allowed here", "raise the limit (ulimit -f)"),
    errno.EROFS: ("the file system is read-only", "give an --out that can be written"),
    errno.ENOTDIR: ("a part of the path is a file and no folder", "check the path"),
    errno.EISDIR: ("a folder is where a file should be", "check the path"),
    errno.EEXIST: ("something is there already", "check the path; a link may lead nowhere"),
    errno.ENAMETOOLONG: ("the name is too long for the file system", "give a shorter one"),
    errno.ELOOP: ("links lead round in a circle", "check the path"),
    errno.EIO: ("the disk does not answer", "look at the disk; a run can be resumed elsewhere"),
    errno.ESTALE: ("the network file system lost the file", "repeat the command"),
}


@dataclass(frozen=True)
class Fault:
    """What went wrong, for the user.

    Attributes:
        message: One sentence.
        hint: What to do about it.
        status: The exit status.
        label: The word before the message.
    """

    message: str
    hint: str
    status: int = USER
    label: str = "error"


class Stopped(Exception):
    """The user stopped a command whose work so far is kept.

    Args:
        message: One sentence.
        hint: How to go on.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def explain(error: BaseException) -> Fault | None:
    """Find the fault behind an exception.

    Args:
        error: The exception.

    Returns:
        The fault; None for a bug.
    """
    if isinstance(error, InvprobError):
        status = FAILED if isinstance(error, Diverged) else USER
        return Fault(error.message, error.hint, status)
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, Stopped):
        return Fault(error.message, error.hint, INTERRUPTED, "interrupted")
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return Fault("stopped by the user", "", INTERRUPTED, "interrupted")
    if isinstance(error, OSError) and error.errno in _FILESYSTEM:
        reason, hint = _FILESYSTEM[error.errno]
        where = f" ({error.filename})" if error.filename else ""
        return Fault(reason + where, hint)
    return None


def wants_help(error: BaseException) -> bool:
    """Print the help of a group that was called without a command.

    Args:
        error: The exception.

    Returns:
        Whether it was that.
    """
    # older versions of click print it themselves
    if isinstance(error, click.UsageError) and type(error).__name__ == "NoArgsIsHelpError":
        click.echo(error.format_message())
        return True
    return False


def show(fault: Fault) -> None:
    """Write a fault to stderr.

    Args:
        fault: The fault.
    """
    color = streams.coloured()
    shade = "yellow" if fault.status == INTERRUPTED else "red"
    label = click.style(f"{fault.label}:", fg=shade, bold=True)
    click.echo(f"{label} {fault.message}", err=True, color=color)
    if fault.hint:
        click.echo(f"{click.style('hint:', dim=True)} {fault.hint}", err=True, color=color)


def _usage(error: click.ClickException) -> Fault:
    message = " ".join(error.format_message().split()).rstrip(".")
    hint = ""
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        message = f"no such option: {error.option_name}"
        hint = "did you mean " + " or ".join(sorted(error.possibilities)) + "?"
    elif isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"see `{error.ctx.command_path} --help`"
    return Fault(message[:1].lower() + message[1:], hint)
