"""A latent of a round in the units of its prior: its image, and the way one stage deeper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from invprob.prior import Score
from invprob.solver import Problem


@dataclass(frozen=True)
class Staged:
    """The stages of a solver on a problem; u is always normalised by the prior of its stage."""

    problem: Problem
    stages: Sequence[int]
    solver: str

    def prior(self, round: int) -> Score:
        """The score prior of a round's stage."""
        prior: Score = self.problem.prior(self.stages[round], Score, self.solver)
        return prior

    def image(self, round: int, u: Any) -> Tensor:
        """The image (N, C, H, W) of u."""
        x = self.prior(round).restore(u)
        image: Tensor = self.problem.generator(x, start=self.stages[round])
        return image

    def deeper(self, round: int, u: Any) -> Any:
        """u of the next round's stage."""
        here, there = self.stages[round : round + 2]
        x = self.problem.generator(self.prior(round).restore(u), start=here, stop=there)
        return self.prior(round + 1).normalise(x)
