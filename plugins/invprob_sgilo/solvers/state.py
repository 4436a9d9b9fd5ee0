"""What SGILO remembers between steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor

from invprob.numerics.early_stopping import Plateau
from invprob.solver import State
from invprob_sgilo.solvers.annealing import Annealed
from invprob_sgilo.solvers.target import Point


@dataclass(frozen=True, kw_only=True)
class SGILOState(State):
    """The chains u in the prior's units; `annealed` and `track` while annealing, `fisher` (a sum
    over probes) while the preconditioner is measured, then P, the step size η (h of kinetic
    dynamics) and `at`, where the chains are.

    Kinetic dynamics has a velocity; the largest `curvature` and the `direction` in which it was
    found; `error`, the mean from which h follows while it is adapted.

    `mean` and `square` are sums over the `count` draws so far, of images and of their squares.
    """

    renamed: ClassVar = {"round": "round_index"}

    round_index: int
    i: int
    u: Any
    annealed: Annealed | None = None
    track: Plateau | None = None
    fisher: Any = None
    P: Any = None
    eta: Any = None
    at: Point | None = None
    velocity: Any = None
    curvature: Any = None
    direction: Any = None
    error: Any = None
    mean: Any = None
    square: Any = None
    count: int = 0

    def counted(self, image: Tensor) -> SGILOState:
        """The state with one more draw in its sums.

        Args:
            image: The draw, (N, C, H, W).

        Returns:
            A new state.
        """
        if self.count == 0:
            return replace(self, mean=image, square=image**2, count=1)
        mean, square = self.mean + image, self.square + image**2
        return replace(self, mean=mean, square=square, count=self.count + 1)
