"""Toys that break one rule each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from invprob.plugin import Kind
from tests.testing.sound import Nothing, entry


@dataclass(frozen=True)
class Breach:
    """What breaks the rule of a check: an entry or a plugin, and what the check must see."""

    check: str
    on: Any
    seen: str


BREACHES: list[Breach] = []


def breaks(
    check: str, seen: str, kind: Kind, params: type = Nothing, **changes: Any
) -> Callable[[Any], Any]:
    """Mark a target (class or function) as one that breaks the rule of a check."""

    def mark(target: Any) -> Any:
        BREACHES.append(Breach(check, entry(kind, target, params, **changes), seen))
        return target

    return mark
