"""What is left of the last state of a solver, which may be larger than all results together."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from invprob.errors import BrokenPlugin
from invprob.solver import Problem, Result, Solver


class End(NamedTuple):
    """What the last state of a solver says.

    Attributes:
        result: The answer, row by row.
        steps: How many steps were made.
        complete: Whether they were all.
    """

    result: Result
    steps: int
    complete: bool

    @classmethod
    def of(cls, solver: Solver, problem: Problem, state: Any) -> End:
        """Ask a solver.

        Args:
            solver: The solver.
            problem: The problem.
            state: The last state.

        Returns:
            What it says.

        Raises:
            BrokenPlugin: If a variance is negative, which would become a deviation of NaN.
        """
        with torch.no_grad():
            result = solver.result(problem, state)
        if bool((result.var < 0).any()):
            raise BrokenPlugin(
                f"the result of {type(solver).__name__} has a variance of"
                f" {float(result.var.min()):.2g}",
                "clamp to 0 what rounding makes of a variance",
            )
        return cls(result, state.step, solver.done(problem, state))
