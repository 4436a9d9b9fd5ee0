"""Stopping on a plateau or at the noise level, row by row, as each row would stop alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Plateau:
    """What is known of the losses of N rows so far.

    Attributes:
        best: The least loss of each row, (N,).
        since: The steps since it last fell, (N,).
    """

    best: Tensor
    since: Tensor


def start(rows: int, device: torch.device) -> Plateau:
    """Begin to watch.

    Args:
        rows: The number N of rows.
        device: Where the losses are.

    Returns:
        A plateau with an infinite best loss.
    """
    return Plateau(torch.full((rows,), torch.inf, device=device), torch.zeros(rows, device=device))


def update(plateau: Plateau, loss: Tensor, tolerance: float = 1e-3) -> Plateau:
    """Take note of the losses of a step.

    Args:
        plateau: What is known of the steps before.
        loss: The loss of each row, (N,).
        tolerance: A loss has fallen when it is below the best by this part of it.

    Returns:
        The plateau after the step.
    """
    fell = loss < plateau.best - tolerance * plateau.best.abs().nan_to_num(posinf=0.0)
    best = torch.where(fell, loss, plateau.best)
    return Plateau(best, torch.where(fell, 0.0, plateau.since + 1))


def stalled(plateau: Plateau, patience: int) -> Tensor:
    """Tell which rows to stop.

    Args:
        plateau: What is known so far.
        patience: Steps without a fall after which a row stops; 0 for never.

    Returns:
        A mask (N,), true for rows whose loss has not fallen for `patience` steps.
    """
    return (plateau.since >= patience) & (patience > 0)


def fitted(chi2: Tensor, level: float) -> Tensor:
    """Tell which rows explain their measurement: the discrepancy principle (Morozov, 1966).

    Args:
        chi2: The mean squared residual of each row in units of the noise, (N,).
        level: χ² at which a row is to stop, 1 for the noise level; 0 for never.

    Returns:
        A mask (N,), true for rows at or below the level.
    """
    return (chi2 <= level) & (level > 0)
