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

    Attributes:
        name: The id, which says the property that is checked.
        kinds: The kinds of components that it applies to.
        offers: Only components that offer this in their manifest are checked; empty: all.
        run: Is called with a `Plugin` or a `Case`, and raises `Failed` or `Inapplicable`.
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
    """Decorate a function as a check; its id is the function's name, with hyphens.

    Args:
        *kinds: The kinds of components that it applies to, or `PLUGIN`.
        offers: What a component must offer for the check to apply.

    Returns:
        The decorator.
    """

    def decorate(run: Callable[[Any], None]) -> Check:
        return Check(run.__name__.replace("_", "-"), kinds, offers, run)

    return decorate


def require(condition: bool, seen: str) -> None:
    """Fail unless a condition holds.

    Args:
        condition: What must be true.
        seen: What was seen instead, for the message.

    Raises:
        Failed: If the condition is false.
    """
    if not condition:
        raise Failed(seen)
