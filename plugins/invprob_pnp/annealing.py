"""What plug-and-play samplers share: falling noise levels in the units of images."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob import seeds
from invprob.problem import Problem


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


def cold(problem: Problem, sigma: float) -> Tensor:
    """Where an annealing begins: mid grey and noise.

    Args:
        problem: The problem.
        sigma: The level, in units of [0, 1].

    Returns:
        Images (N, C, H, W).
    """
    shape = (len(problem.keys), *problem.generator.image_shape)
    return noised(problem, torch.full(shape, 0.5).to(problem.y), sigma, "start")
