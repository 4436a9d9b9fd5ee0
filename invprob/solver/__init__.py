"""Solvers: a pure step on a problem, and what they return."""

from invprob.problem import Problem
from invprob.solver.base import Info, Progress, Result, Solver, State, on_images
from invprob.solver.summed import SummedState

__all__ = [
    "Info",
    "Problem",
    "Progress",
    "Result",
    "Solver",
    "State",
    "SummedState",
    "on_images",
]
