"""stdout and stderr as the commands need them, whatever they are: closed, a pipe, in ASCII."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

PIPE_CLOSED = 141
"""The exit status of a program whose reader has gone, as shells have it: 128 + SIGPIPE."""

_quiet = False


def prepare() -> None:
    """Open what is closed, and replace characters that an encoding lacks.

    A closed stdout would be None in Python, and its number would go to the next file opened.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor < 3:
        descriptor = os.dup(descriptor)
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace" if name == "stdout" else "backslashreplace")


def close() -> int:
    """Write out what is left.

    Returns:
        0; `PIPE_CLOSED` if nobody reads it, and 1 if it cannot be written.
    """
    status = 0
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            status = abandon()
        except OSError:
            abandon()
            status = 1
    return status


def abandon() -> int:
    """Write to nowhere from now on, since nobody reads stdout; the exit status of that."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    return PIPE_CLOSED


def exactly(text: str) -> str:
    """TOML with an escape for each character that stdout cannot show.

    Args:
        text: TOML, in which a backslash begins an escape.

    Returns:
        Text that reads back as the same, whatever the encoding of stdout.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        shown = (c if _fits(c, encoding) else f"\\U{ord(c):08x}" for c in text)
        return "".join(shown)
    return text


def _fits(character: str, encoding: str) -> bool:
    return character == character.encode(encoding, "ignore").decode(encoding)


def coloured() -> bool | None:
    """Whether text may be coloured: False where it must not, None where the terminal decides."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown")
    return False if plain else None


class Patient:
    """A stream whose reader may go, or whose disk be full: progress that fails ends no run.

    Args:
        stream: Where it is written.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text if that is possible.

        Args:
            text: The text.

        Returns:
            Its length.
        """
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write out what is left if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def hush(quiet: bool) -> None:
    """Write nothing but errors from now on in this command.

    Args:
        quiet: Whether to do so.
    """
    global _quiet
    _quiet = quiet


@contextlib.contextmanager
def notices() -> Iterator[None]:
    """Show warnings as one line on stderr; none at all where the command is quiet."""
    with warnings.catch_warnings():
        setattr(warnings, "showwarning", _show)  # noqa: B010 - Python allows to replace it
        hush(False)
        yield


def notice(text: str) -> None:
    """Write of something that did no harm to stderr.

    Args:
        text: The sentence.
    """
    if not _quiet:
        with contextlib.suppress(OSError):
            print(f"notice: {text}", file=sys.stderr)


def _show(message: Any, category: type, filename: str, *_: Any) -> None:
    where = "" if filename == "<invprob>" else f" ({category.__name__})"
    notice(f"{message}{where}")
