"""A check is a small function; its docstring is the sentence that an author reads when it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PLUGIN = "plugin"


class Failed(AssertionError):
    """What a check saw that must not be."""


class Inapplicable(Exception):
    """Why a check has nothing to say of a component."""


@dataclass(frozen=True)
class Check:
    """A rule for components of some kinds, or for a plugin as a whole (kind ``"plugin"``).

    With `offers`, only components that offer it in their manifest are checked. `run` is called with
    a `Plugin` or a `Case`; it raises `Failed`, or `Inapplicable`.
    """

    name: str
    kinds: tuple[str, ...]
    offers: str
    run: Callable[[Any], None]

    @property
    def advice(self) -> str:
        """What an author must do for the check to pass, in one line."""
        return " ".join((self.run.__doc__ or "").split())


def check(*kinds: str, offers: str = "") -> Callable[[Callable[[Any], None]], Check]:
    """Make a check of a function; its name is the function's, with hyphens."""

    def decorate(run: Callable[[Any], None]) -> Check:
        return Check(run.__name__.replace("_", "-"), kinds, offers, run)

    return decorate


def require(condition: bool, seen: str) -> None:
    """Fail, and say what was seen, unless the condition holds."""
    if not condition:
        raise Failed(seen)
