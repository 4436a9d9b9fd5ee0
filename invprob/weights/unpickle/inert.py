"""What stands for things of a file that are not built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Name:
    """The name of a class or function; only the name, nothing was imported.

    Attributes:
        text: ``module.name``.
    """

    text: str


@dataclass(eq=False)
class Inert:
    """An object of a class that is not ours.

    Attributes:
        name: The name of its class, ``module.name``.
        state: Its state as a tree.
    """

    name: str
    state: Any = None
