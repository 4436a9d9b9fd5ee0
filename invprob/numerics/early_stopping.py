"""Stopping on a plateau, row by row, so that a batch still gives what its rows give alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Plateau:
    """The best loss of each row so far and the number of steps since it last fell, each (N,)."""

    best: Tensor
    since: Tensor


def start(rows: int, device: torch.device) -> Plateau:
    """Before the first step."""
    return Plateau(torch.full((rows,), torch.inf, device=device), torch.zeros(rows, device=device))


def update(plateau: Plateau, loss: Tensor, tolerance: float = 1e-3) -> Plateau:
    """A loss counts as fallen when it is below the best by the relative `tolerance`."""
    fell = loss < plateau.best - tolerance * plateau.best.abs().nan_to_num(posinf=0.0)
    best = torch.where(fell, loss, plateau.best)
    return Plateau(best, torch.where(fell, 0.0, plateau.since + 1))


def stalled(plateau: Plateau, patience: int) -> Tensor:
    """Which rows have not fallen for `patience` steps; none where patience is 0."""
    return (plateau.since >= patience) & (patience > 0)
