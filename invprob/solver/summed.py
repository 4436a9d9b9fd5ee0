"""The state of a sampler that keeps sums of its draws.

The sums are of differences to the first draw: of values near 1 that spread by 0.001 the sums of
squares would have the variance in digits that single precision does not have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from invprob.solver.base import Result, State


@dataclass(frozen=True, kw_only=True)
class SummedState(State):
    """A state of a sampler that sums its draws.

    Attributes:
        mean: The sum of the images drawn so far less `origin`, (N, C, H, W); None before the first.
        square: The sum of the squares of these differences.
        count: The number of draws.
        origin: The first draw; None: 0, as in older states.
    """

    mean: Any = None
    square: Any = None
    count: int = 0
    origin: Any = None

    def counted(self, image: Tensor) -> Self:
        """The state with one more draw in its sums.

        Args:
            image: The draw, (N, C, H, W).

        Returns:
            A new state.
        """
        if self.count == 0:
            none = torch.zeros_like(image)
            return replace(self, mean=none, square=none, count=1, origin=image)
        away = image if self.origin is None else image - self.origin
        mean, square = self.mean + away, self.square + away**2
        return replace(self, mean=mean, square=square, count=self.count + 1)

    def summary(self, image: Tensor) -> Result:
        """The mean and the variance of the draws so far.

        Args:
            image: The last images, (N, C, H, W), which stand for the mean where there is no draw.

        Returns:
            What a solver's `result` returns.
        """
        if self.count == 0:
            return Result(image, image, torch.zeros_like(image))
        mean = self.mean / self.count
        variance = (self.square / self.count - mean**2).clamp_min(0)
        return Result(image, mean if self.origin is None else self.origin + mean, variance)
