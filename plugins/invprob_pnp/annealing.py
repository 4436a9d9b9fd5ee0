"""What plug-and-play samplers share: noise levels that fall, and the state between two of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from invprob import seeds
from invprob.generator import Generator
from invprob.solver import Problem, Result, Solver, State, on_images


@dataclass(frozen=True, kw_only=True)
class AnnealedState(State):
    """v_k, and the newest images of which it is a noised version, each (N, C, H, W)."""

    v: Tensor
    image: Tensor


class Annealed(Solver):
    """A sampler of images from mid grey and noise of the first level; a subclass has its steps."""

    returns = "sample"
    states = (AnnealedState,)

    @property
    def bias(self) -> float:
        return 1.5

    def validate(self, generator: Generator) -> None:
        on_images(type(self).__name__.lower(), generator)

    def begin(self, problem: Problem, sigma: float) -> AnnealedState:
        """The state before the first step.

        Args:
            problem: The problem.
            sigma: The first noise level, in units of [0, 1].

        Returns:
            The state.
        """
        grey = torch.full((len(problem.keys), *problem.generator.image_shape), 0.5).to(problem.y)
        return AnnealedState(v=noised(problem, grey, sigma, "start"), image=grey)

    def result(self, problem: Problem, state: AnnealedState) -> Result:
        return Result(state.image, state.image, torch.zeros_like(state.image))


def geometric(start: float, end: float, count: int) -> list[float]:
    """Noise levels that fall by equal factors.

    Args:
        start: The first, > 0.
        end: The last, > 0; one above `start` becomes `start`.
        count: Their number, at least 1.

    Returns:
        The levels, in the units of `start`.
    """
    end = min(start, end)
    return [start * (end / start) ** (k / max(1, count - 1)) for k in range(count)]


def noised(problem: Problem, x: Tensor, sigma: float, *purpose: int | str) -> Tensor:
    """Add noise to images, each row from the stream of its own key.

    Args:
        problem: The problem, whose keys count.
        x: Images (N, C, H, W).
        sigma: The level, in units of [0, 1].
        purpose: What the noise is for.

    Returns:
        Images (N, C, H, W).
    """
    return x + sigma * seeds.normal_like(x, problem.keys, *purpose)
