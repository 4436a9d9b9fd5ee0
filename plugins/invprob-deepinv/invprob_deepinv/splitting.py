"""Estimates by the splitting algorithms of deepinv, one of its iterations a step.

    f(x) = ‖A x − y‖²/(2σ²),    u = x − γ ∇f(x) or prox_γf(x),    x = prox_γλg(u)

The proximal map of f is that of our operators, which mixes no rows and is as exact as they say.
Nothing is drawn, so the samples of a measurement are one image, which is computed once.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.operator import LinearOperator
from invprob.solver import Info, Problem, Progress, Result, State
from invprob_deepinv.image_solver import ImageSolver
from invprob_deepinv.library import deepinv

POWER_STEPS = 30


@dataclass(frozen=True, kw_only=True)
class SplittingState(State):
    """x and z of deepinv, (B, C, H, W), of B measurements, and ‖A‖² for each, (B,)."""

    x: Tensor
    z: Tensor
    square: Tensor


class Splitting(ImageSolver):
    """An estimate by a splitting algorithm; a subclass has the regulariser."""

    returns = "estimate"
    states = (SplittingState,)

    def init(self, problem: Problem) -> SplittingState:
        y, (A, _) = problem.measurements, self.linear(problem)
        x = torch.full((len(y), *A.in_shape), 0.5).to(y)
        z = torch.zeros_like(x) if self.algorithm == "admm" else x
        return SplittingState(x=x, z=z, square=square_norm(A, y).expand(len(y)).clone())

    def step(self, problem: Problem, state: SplittingState) -> Progress:
        y, (A, sigma) = problem.measurements, self.linear(problem)
        optim = deepinv().optim
        iterations = {
            "fista": optim.FISTAIteration,
            "pgd": optim.PGDIteration,
            "admm": optim.ADMMIteration,
            "drs": optim.DRSIteration,
            "hqs": optim.HQSIteration,
            "gd": optim.GDIteration,
        }
        made = iterations[self.algorithm](has_cost=False)(
            {"est": (state.x, state.z), "cost": None, "it": state.step},
            Likelihood(A, sigma),
            self.regulariser(problem),
            {**self.scales(float(state.square[0]) / sigma**2, sigma), "beta": 1.0, "a": 3},
            y,
            None,
        )
        x, z = made["est"][0], made["est"][-1]
        after = SplittingState(step=state.step + 1, x=x, z=z, square=state.square)
        image, chi2 = (tree.repeat(v, problem.num_samples) for v in (x, A.chi2(y, x)))
        return Progress(after, Info(image, 0, {"chi2": chi2}))

    def result(self, problem: Problem, state: SplittingState) -> Result:
        image = tree.repeat(state.x, problem.num_samples)
        return Result(image, image, torch.zeros_like(image))

    @property
    def algorithm(self) -> str:
        """The name of the iteration."""
        return str(self.params.algorithm)

    def scales(self, slope: float, sigma: float) -> dict[str, float]:
        """Choose the numbers of an iteration.

        Args:
            slope: The Lipschitz constant of ∇f, ‖A‖²/σ².
            sigma: The noise of the measurement.

        Returns:
            The step size γ, the weight λ, and the parameter of the regulariser.
        """
        p = self.params
        return {"stepsize": p.step_size / slope, "lambda": p.weight, "g_param": 0.0}

    @abstractmethod
    def regulariser(self, problem: Problem) -> Any:
        """Make what deepinv calls the prior.

        Args:
            problem: The problem.

        Returns:
            Something with a method prox or grad.
        """


class Likelihood:
    """f(x) = ‖A x − y‖²/(2σ²) with the methods that deepinv asks of a data fidelity.

    Args:
        A: The operator.
        sigma: σ.
    """

    def __init__(self, A: LinearOperator, sigma: float) -> None:
        self.A, self.sigma = A, sigma

    def grad(self, x: Tensor, y: Tensor, physics: None) -> Tensor:
        """∇f.

        Args:
            x: Images (B, C, H, W).
            y: Measurements (B, …).
            physics: Not needed.

        Returns:
            Images (B, C, H, W).
        """
        return self.A.adjoint(self.A(x) - y) / self.sigma**2

    def prox(self, x: Tensor, y: Tensor, physics: None, gamma: float) -> Tensor:
        """argmin_u ½‖u − x‖² + γ f(u).

        Args:
            x: Images (B, C, H, W).
            y: Measurements (B, …).
            physics: Not needed.
            gamma: γ > 0.

        Returns:
            Images (B, C, H, W).
        """
        weight = y.new_full((len(y), *[1] * (y.dim() - 1)), gamma / self.sigma**2)
        return self.A.prox(x, y, weight)


def square_norm(A: LinearOperator, like: Tensor) -> Tensor:
    """‖A‖² by power iteration from a random image.

    Args:
        A: The operator.
        like: A tensor of the right precision and device.

    Returns:
        A tensor without dimensions.
    """
    x = torch.randn((1, *A.in_shape), generator=seeds.stream("power")).to(like)
    for _ in range(POWER_STEPS):
        x = A.adjoint(A(x / x.norm()))
    norm: Tensor = x.norm()
    return norm
