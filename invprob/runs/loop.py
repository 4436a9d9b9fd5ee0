"""Driving a solver: callbacks see every step, and any of them may stop the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor

from invprob.callback import OnStep
from invprob.errors import BrokenPlugin, Diverged
from invprob.runs import divergence
from invprob.solver import Problem, Progress, Solver


def drive(
    solver: Solver, problem: Problem, callbacks: Iterable[OnStep] = (), state: Any = None
) -> Any:
    """Run to the end, or until a callback returns True.

    Args:
        solver: The solver.
        problem: The problem to solve.
        callbacks: Called in turn after each step; all of them, also when one stops the run.
        state: Where to go on; None: at the start.

    Returns:
        The last state.

    Raises:
        Diverged: If the solver or a callback finds that nothing finite is left.
    """
    called = tuple(callbacks)
    step = 0 if state is None else state.step
    try:
        for progress in solver.run(problem, state):
            state = progress.state
            stops = [call(progress) for call in called]
            step = state.step
            del progress  # the next step has its memory
            if any(stops):
                break
    except Diverged as error:
        raise divergence.explained(error, solver, step + 1) from None
    return state


class Checkpointer:
    """A callback that saves the state every so often.

    Args:
        write: Writes a state.
        state: The newest state so far, if any.
        seconds: The least time between two saves.
    """

    def __init__(
        self, write: Callable[[Any], None], state: Any = None, seconds: float = 20.0
    ) -> None:
        self.write = write
        self.last = state
        self.seconds = seconds
        self._saved = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        self.last = progress.state
        if time.monotonic() - self._saved >= self.seconds:
            self.save()

    def save(self) -> None:
        """Write the newest state now, if there is one."""
        if self.last is not None:
            self.write(self.last)
            self._saved = time.monotonic()


class StopAfter:
    """A callback that stops a run.

    Args:
        steps: The step after which it stops.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __call__(self, progress: Progress) -> bool:
        return bool(progress.state.step >= self.steps)


class Trace:
    """A callback that keeps the metrics of some 200 evenly spaced steps and of the last.

    Args:
        total: The number of steps of a full run.
        rows: Those of the steps before, in a resumed run.

    Attributes:
        rows: A row per step and chain: step, stage, chain and the metrics by name.
    """

    def __init__(self, total: int, rows: Iterable[dict[str, Any]] = ()) -> None:
        self.every = max(1, total // 200)
        self.total = total
        self.rows: list[dict[str, Any]] = list(rows)

    def __call__(self, progress: Progress) -> None:
        step = progress.state.step
        if step % self.every and step != self.total:
            return
        rows = len(progress.info.image)
        for name, column in progress.info.metrics.items():
            if not isinstance(column, Tensor) or column.shape != (rows,):
                shape = tuple(column.shape) if isinstance(column, Tensor) else column
                raise BrokenPlugin(
                    f"the metric {name!r} of a step is {shape}, and not a number for each row",
                    f"give a tensor of shape ({rows},) in Info.metrics",
                )
        metrics: dict[str, Tensor] = {k: v.cpu() for k, v in progress.info.metrics.items()}
        for chain in range(rows):
            values = {name: float(column[chain]) for name, column in metrics.items()}
            self.rows.append({"step": step, "stage": progress.info.stage, "chain": chain, **values})
