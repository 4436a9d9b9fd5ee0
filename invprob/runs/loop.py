"""Driving a solver: observers watch every step, and any of them may stop the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from torch import Tensor

from invprob.io import checkpoint
from invprob.solver import Problem, Progress, Solver

Observer = Callable[[Progress], bool | None]


def drive(
    solver: Solver, problem: Problem, observers: Iterable[Observer] = (), state: Any = None
) -> Any:
    """Run to the end, or until an observer returns True; the last state."""
    watching = tuple(observers)
    for progress in solver.run(problem, state):
        state = progress.state
        # a list: every observer sees the step, also when one of them stops the run
        stops = [watch(progress) for watch in watching]
        if any(stops):
            break
    return state


class Checkpointer:
    """Writes the state every `seconds`; `last` is the newest state seen, for a final save.

    `also` is called with every save, for what must keep pace with the state (the trace).
    """

    def __init__(
        self, path: Path, also: Callable[[], None] = lambda: None, seconds: float = 20.0
    ) -> None:
        self.path = path
        self.also = also
        self.seconds = seconds
        self.last: Any = None
        self._saved = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        self.last = progress.state
        if time.monotonic() - self._saved >= self.seconds:
            self.save()

    def save(self) -> None:
        """Write the newest state now."""
        if self.last is not None:
            self.also()
            checkpoint.save(self.path, self.last)
            self._saved = time.monotonic()


class StopAfter:
    """Stops a run once its state has made `steps` steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __call__(self, progress: Progress) -> bool:
        return bool(progress.state.step >= self.steps)


class Trace:
    """Figures of some 200 evenly spaced steps and of the last: one row per step and chain."""

    def __init__(self, total: int, rows: Iterable[dict[str, Any]] = ()) -> None:
        self.every = max(1, total // 200)
        self.total = total
        self.rows: list[dict[str, Any]] = list(rows)

    def __call__(self, progress: Progress) -> None:
        step = progress.state.step
        if step % self.every and step != self.total:
            return
        metrics: dict[str, Tensor] = {k: v.cpu() for k, v in progress.info.metrics.items()}
        count = len(next(iter(metrics.values())))
        for chain in range(count):
            figures = {name: float(values[chain]) for name, values in metrics.items()}
            self.rows.append(
                {"step": step, "stage": progress.info.stage, "chain": chain, **figures}
            )
