"""What total variation and wavelets share: a solver that is the primal-dual method."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace

import torch

from invprob import tree
from invprob.generator import Generator
from invprob.solver import Info, Problem, Progress, Result, Solver, State, on_images
from invprob_classical import linear, primal_dual
from invprob_classical.params import ConvexParams
from invprob_classical.primal_dual import Analysis, Convex, Iterate


@dataclass(frozen=True, kw_only=True)
class ConvexState(State):
    """The iterate of every measurement, and ‖A‖²."""

    at: Iterate
    square: float


class LeastRegulariser(Solver[ConvexState]):
    """The image of least regulariser that fits the measurement; all samples of one are alike."""

    returns = "estimate"
    states = (ConvexState, Iterate)
    params_type = ConvexParams
    params: ConvexParams
    name: str

    @abstractmethod
    def analysis(self, shape: tuple[int, int, int]) -> Analysis:
        """The regulariser.

        Args:
            shape: (C, H, W) of the images.

        Returns:
            Its linear map and norm.
        """

    def validate(self, generator: Generator) -> None:
        on_images(self.name, generator)

    def total(self, problem: Problem) -> int:
        return self.params.steps

    def init(self, problem: Problem) -> ConvexState:
        task = self._task(problem)
        square = primal_dual.square_norm(task.A, task.y)
        return ConvexState(at=task.start(self.params.tau, square), square=square)

    def step(self, problem: Problem, state: ConvexState) -> Progress:
        task = self._task(problem)
        at = task.step(state.at, self.params.tau, state.square)
        found = {
            "chi2": task.A.noise.chi2(task.y, at.measured),
            "objective": task.objective(at),
            "lower_bound": task.bound(at),
        }
        copies = problem.num_samples
        metrics = {name: tree.repeat(value, copies) for name, value in found.items()}
        after = replace(state, step=state.step + 1, at=at)
        return Progress(after, Info(tree.repeat(at.x, copies), 0, metrics))

    def result(self, problem: Problem, state: ConvexState) -> Result:
        image = tree.repeat(state.at.x, problem.num_samples)
        return Result(image, image, torch.zeros_like(image))

    def _task(self, problem: Problem) -> Convex:
        A, sigma = linear.with_white_noise(problem, self.name)
        analysis = self.analysis(problem.generator.image_shape)
        radius = sigma * math.sqrt(math.prod(A.out_shape))
        return Convex(A, problem.measurements, analysis, self.params.weight, radius)
