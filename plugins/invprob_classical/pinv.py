"""The pseudo-inverse: of all images that fit the measurement best, the one of least norm.

    x = A⁺ y

Moore (1920), Penrose (1955). It knows nothing of images, and fits the noise as well: what a method
is worth begins where it is better than this.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from invprob import tree
from invprob.generator import Generator
from invprob.params import Params
from invprob.solver import Info, Problem, Progress, Result, Solver, State, on_images
from invprob_classical import linear


@dataclass(frozen=True, kw_only=True)
class PseudoInverseState(State):
    """The image of each of B measurements, (B, C, H, W)."""

    image: Tensor


class PseudoInverse(Solver[PseudoInverseState]):
    """The least-squares image of least norm; all samples of a measurement are alike."""

    returns = "estimate"
    states = (PseudoInverseState,)
    params_type = Params

    def validate(self, generator: Generator) -> None:
        on_images("pinv", generator)

    def total(self, problem: Problem) -> int:
        return 1

    def init(self, problem: Problem) -> PseudoInverseState:
        y = problem.measurements
        image = torch.full((len(y), *problem.generator.image_shape), 0.5).to(y)
        return PseudoInverseState(image=image)

    def step(self, problem: Problem, state: PseudoInverseState) -> Progress[PseudoInverseState]:
        y, A = problem.measurements, linear.operator(problem, "pinv")
        image = A.pinv(y)
        shown, chi2 = (tree.repeat(v, problem.num_samples) for v in (image, A.chi2(y, image)))
        after = PseudoInverseState(step=state.step + 1, image=image)
        return Progress(after, Info(shown, 0, {"chi2": chi2}))

    def result(self, problem: Problem, state: PseudoInverseState) -> Result:
        image = tree.repeat(state.image, problem.num_samples)
        return Result(image, image, torch.zeros_like(image))
