"""What SGILO remembers between steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from invprob.numerics.early_stopping import Plateau
from invprob.solver import SummedState
from invprob.tree import Tree
from invprob_sgilo.solvers.annealing import Annealed
from invprob_sgilo.solvers.target import Point


@dataclass(frozen=True, kw_only=True)
class SGILOState(SummedState):
    """The chains u in the prior's units; `annealed` and `track` while annealing, `fisher` (a sum
    over probes) while the preconditioner is measured, then P, the step size η (h of kinetic
    dynamics) and `at`, where the chains are.

    Kinetic dynamics has a velocity; the largest `curvature` and the `direction` in which it was
    found; `error`, the mean from which h follows while it is adapted.
    """

    renamed: ClassVar = {"round": "round_index"}

    round_index: int
    i: int
    u: Tree
    annealed: Annealed | None = None
    track: Plateau | None = None
    fisher: Tree = None
    P: Tree = None
    eta: Any = None
    at: Point | None = None
    velocity: Tree = None
    curvature: Any = None
    direction: Tree = None
    error: Any = None
