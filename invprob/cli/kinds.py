"""The kind of component a user means."""

from __future__ import annotations

from invprob.errors import UnknownComponent, nearest
from invprob.plugin import KINDS


def kind(text: str) -> str:
    """The kind of that name, singular or plural."""
    for name in KINDS:
        if text.lower() in (name, f"{name}s"):
            return name
    raise UnknownComponent(f"no kind of component is called {text!r}", nearest(text, KINDS))
