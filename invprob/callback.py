"""Callbacks: they see a run step by step, and may stop it.

Any function of a `Progress` serves as one; a plugin offers a class, made from its params and the
context of the run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from invprob.errors import BadInput, notify
from invprob.solver import Problem, Progress, Solver

OnStep: TypeAlias = Callable[[Progress], bool | None]
"""A `Callback`, or a function: it is called after every step, and stops the run by True."""


@dataclass(frozen=True)
class CallbackContext:
    """What a callback may know of a run before its first step.

    Attributes:
        solver: The solver.
        problem: The problem that it solves.
        first: The step to count on from: 0 unless a run is resumed.
        total: The number of steps of a full run.
        out: The folder of the run; None where nothing is kept.
    """

    solver: Solver
    problem: Problem
    first: int
    total: int
    out: Path | None

    def path(self, name: str) -> Path:
        """Where in the folder of the run a callback writes.

        Args:
            name: The name of a file or folder.

        Returns:
            Its path, which need not exist.

        Raises:
            BadInput: If the run keeps no folder.
        """
        if self.out is None:
            raise BadInput(
                f"there is no run folder to write {name} to",
                "give the callback a path of its own, or the run a folder: out=DIR",
            )
        return self.out / name


class Callback(ABC):
    """A callback that a plugin offers; it sees every step and is closed once.

    Its target is called as ``(params, context)``.
    """

    @abstractmethod
    def __call__(self, progress: Progress) -> bool | None:
        """See a step.

        Args:
            progress: The state after the step, and what the solver reports of it; the run goes on
                from these very tensors, so that nothing may be written into them.

        Returns:
            True to stop the run, which ends with the result so far.
        """

    def close(self) -> None:
        """Clean up: the run is finished or stopped, or has failed."""
        return


if TYPE_CHECKING:
    Run = CallbackContext
    Watcher = Callback

RENAMED = {"Run": CallbackContext, "Watcher": Callback}
"""Names of one release ago."""


def __getattr__(name: str) -> Any:
    if name not in RENAMED:
        raise AttributeError(f"module 'invprob.callback' has no attribute {name!r}")
    new = RENAMED[name]
    notify(f"{name} is called {new.__name__} now")
    return new
