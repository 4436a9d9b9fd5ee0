"""Averages of weights along a training, which generalise better than the newest weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def follow(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the averaged parameters towards the newest, in place.

    Args:
        average: The module that holds the exponential moving average.
        model: The module that is trained, of the same architecture.
        decay: The share of the average that stays, in [0, 1).
        step: Steps so far; the average is shorter while they are few.
    """
    move(average, model, min(decay, step / (step + 10)))


def kept(shown: int, seen: int, kimg: float) -> float:
    """The share of an average of given half-life that stays, less while few images were seen.

    Args:
        shown: Images that a step shows, ≥ 1.
        seen: Images so far, with those of this step.
        kimg: The half-life, in thousands of images.

    Returns:
        The share, in [0, 1).
    """
    share: float = 0.5 ** (shown / min(kimg * 1000, 0.05 * seen))
    return share


@torch.no_grad()
def move(average: nn.Module, model: nn.Module, keep: float | Tensor) -> None:
    """Move the averaged parameters by a given share of the way, in place.

    Args:
        average: The module that holds the average.
        model: The module that is trained, of the same architecture.
        keep: The share of the average that stays, in [0, 1].
    """
    for mean, value in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(value, 1 - keep)


class Running:
    """The running mean of a loss, to look at.

    Args:
        value: Where a training that is taken up had it; None: it begins with the next loss.
    """

    def __init__(self, value: float | None = None) -> None:
        self._value = value

    def __call__(self, loss: Tensor) -> float:
        """Take up one more loss.

        Args:
            loss: The loss of a step, a number.

        Returns:
            The mean, in which a loss counts for some fifty steps.
        """
        new, old = float(loss.detach()), self._value
        self._value = new if old is None else 0.98 * old + 0.02 * new
        return self._value
