"""What stands for things of a file that are not built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Name:
    """The name of a class or function, ``module.name``; only the name, nothing was imported."""

    text: str


@dataclass(eq=False)
class Inert:
    """An object of a class that is not ours: the name of its class, and its state as a tree."""

    name: str
    state: Any = None
