"""A solver for what only watches: a few steps whose images are known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from invprob.solver import Info, Problem, Progress, Result, Solver, State

STEPS = 4


@dataclass(frozen=True, kw_only=True)
class DescentState(State):
    """Where the images are.

    Attributes:
        x: The images, (N, C, H, W).
    """

    x: Tensor


class Descent(Solver[DescentState]):
    """`STEPS` steps of gradient descent on images, each of which is marked as a draw."""

    returns = "sample"
    states = (DescentState,)

    def total(self, problem: Problem) -> int:
        return STEPS

    def init(self, problem: Problem) -> DescentState:
        shape = (len(problem.keys), *problem.generator.image_shape)
        return DescentState(x=torch.full(shape, 0.5).to(problem.y))

    def step(self, problem: Problem, state: DescentState) -> Progress[DescentState]:
        with torch.enable_grad():
            x = state.x.detach().requires_grad_()
            fit = problem.operator.chi2(problem.y, x)
            (slope,) = torch.autograd.grad(fit.sum(), x)
        after = replace(state, step=state.step + 1, x=state.x - 1e-3 * slope)
        return Progress(after, Info(after.x, 0, {"chi2": fit.detach()}, True, after.x))

    def result(self, problem: Problem, state: DescentState) -> Result:
        return Result(state.x, state.x, torch.zeros_like(state.x))
