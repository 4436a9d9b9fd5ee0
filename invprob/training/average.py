"""Averages of weights along a training, which generalise better than the newest weights."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move the averaged parameters towards the newest, in place.

    Args:
        average: The module that holds the exponential moving average.
        model: The module that is trained, of the same architecture.
        decay: The share of the average that stays, in [0, 1).
        step: Steps so far; the average is shorter while they are few.
    """
    keep = min(decay, step / (step + 10))
    for mean, value in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(value, 1 - keep)
