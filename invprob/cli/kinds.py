"""The kind of component, and the component, a user means."""

from __future__ import annotations

from invprob.config.registry import Entry, Registry
from invprob.errors import AmbiguousComponent, UnknownComponent, nearest
from invprob.plugin import KINDS


def kind(text: str) -> str:
    """Find a kind of component.

    Args:
        text: Its name, singular or plural.

    Returns:
        The name, singular.

    Raises:
        UnknownComponent: If there is no such kind.
    """
    for name in KINDS:
        if text.lower() in (name, f"{name}s"):
            return name
    raise UnknownComponent(f"no kind of component is called {text!r}", nearest(text, KINDS))


def find(registry: Registry, first: str, second: str | None) -> Entry:
    """Find a component written ``KIND NAME``, ``KIND.NAME`` or ``NAME``.

    Args:
        registry: The components.
        first: The first word.
        second: The second word, if there is one.

    Returns:
        The component.

    Raises:
        AmbiguousComponent: If several kinds have the name.
        UnknownComponent: If none has.
    """
    if second is not None:
        return registry.find(kind(first), second)
    head, dot, name = first.partition(".")
    if dot and head.lower().removesuffix("s") in KINDS:
        return registry.find(kind(head), name)
    found = [e for e in registry.entries if first in (e.component.name, e.full_name)]
    if len(found) > 1:
        what = f"{first!r} is several components"
        told = " or ".join(f"{e.component.kind} {registry.name(e)}" for e in found)
        raise AmbiguousComponent(what, f"say {told}")
    if not found:
        known = {e.component.name for e in registry.entries}
        raise UnknownComponent(f"no component is called {first!r}", nearest(first, known))
    return found[0]
