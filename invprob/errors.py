"""What a user can get wrong: one sentence that says what is, one hint that says what to do."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Iterable
from typing import Any


class InvprobError(Exception):
    """A fault in the input, not in the program; the command line prints it and exits with 2.

    Args:
        message: One sentence that says what is wrong, with the value.
        hint: What to do about it, in one sentence without a full stop.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # a traceback shows it


class UnknownComponent(InvprobError):
    """No plugin offers a component of that name."""


class AmbiguousComponent(InvprobError):
    """Several plugins offer a component of that name."""


class BrokenPlugin(InvprobError):
    """The plugin that offers the component failed to load, or gives what it must not."""


class Incompatible(InvprobError):
    """Components that cannot work together."""


class BadParams(InvprobError):
    """A parameter is unknown, of the wrong type or out of its range."""


class BadInput(InvprobError):
    """A file, an image, a mask or a measurement that cannot be used."""


class BadWeights(InvprobError):
    """A weights file that is missing, damaged, unsafe or of another architecture."""


class Diverged(InvprobError):
    """A computation went out of the range of numbers; the command line exits with 1.

    Attributes:
        solution: The `invprob.Solution` of what was computed before, if there is any.
    """

    solution: Any = None


def nearest(name: str, known: Iterable[str]) -> str:
    """Make the hint for a misspelt name.

    Args:
        name: The name as given.
        known: The names that exist.

    Returns:
        A question with the closest known name, else the list of them.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return "known: " + ", ".join(names) if names else "there is none"


_NOTICES: dict[Any, Any] = {}


def notify(message: str) -> None:
    """Tell a user once, in one line on stderr, what will stop working.

    Every notice of an old name goes this way. It is not a DeprecationWarning, which Python hides
    from users of the command line. In a script it names the line that called invprob.

    Args:
        message: A sentence.
    """
    warnings.warn_explicit(message, FutureWarning, *_caller(), registry=_NOTICES)


def warn(message: str) -> None:
    """Warn of input that can be used, but hardly as it was meant.

    Args:
        message: A sentence that says what to do about it.
    """
    warnings.warn_explicit(message, UserWarning, *_caller(), registry=_NOTICES)


def _caller() -> tuple[str, int]:
    """The file and line that called invprob; of the command line there is none to name."""
    frame = inspect.currentframe()
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name == "invprob.cli":
            break
        if not name.startswith(("invprob", "pydantic", "importlib")):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "<invprob>", 1


def shown(text: object) -> str:
    """Make something from a file fit for a message.

    Args:
        text: A value that cannot be trusted.

    Returns:
        At most 80 characters of printable ASCII before escapes. A container is only named, since
        printing one may take for ever.
    """
    if not isinstance(text, (str, int, float)):
        return f"a {type(text).__name__}"
    return ascii(str(text)[:80])[1:-1]
