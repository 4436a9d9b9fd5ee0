"""Observers that plugins offer: they watch a run step by step, and may stop it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from invprob.solver import Problem, Progress, Solver


@dataclass(frozen=True)
class Run:
    """What an observer is told before the first step: it counts on from step `first`, which is 0
    unless a run is resumed, to `total`; `out` is the folder of the run."""

    solver: Solver
    problem: Problem
    first: int
    total: int
    out: Path


class Watcher(ABC):
    """An observer. It is made from its params and a `Run`, sees every step and is closed once."""

    @abstractmethod
    def __call__(self, progress: Progress) -> bool | None:
        """See a step; True stops the run, which can then be resumed."""

    def close(self) -> None:
        """The run is finished, stopped or has failed."""
        return
