"""Using a component once, as a run would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.generator import Generator
from invprob.operator import Noise, Operator
from invprob.solver import Problem, Solver
from invprob.testing import toys
from invprob.testing.callables import functions, images
from invprob.testing.target import Case


def smoke_run(case: Case, thing: Any, arguments: Sequence[Any]) -> list[Tensor]:
    """Compute and draw everything that a component can, in a small run.

    Args:
        case: The component.
        thing: An instance of it.
        arguments: What the instance was made of.

    Returns:
        All results, in an order that does not change.
    """
    if isinstance(thing, Solver):
        return run(thing, problem(case))
    made = [leaf for call in functions(thing, arguments) for leaf in tree.leaves(call.f(call.x))]
    if isinstance(thing, Generator):
        made += tree.leaves(thing.sample(2, seeds.stream("exercise")))
    elif isinstance(thing, Operator):
        x = images(thing.in_shape)
        y = thing.measure(x, [seeds.stream(k) for k in range(len(x))])
        made += [y, thing.observed(y), thing.log_likelihood(y, x), thing.chi2(y, x)]
    elif isinstance(thing, Noise):
        made.append(thing.sample(images((40,))[0], seeds.stream("exercise")))
    return made


def problem(
    case: Case, rows: int = 2, chains: int = 2, dtype: torch.dtype = torch.float64
) -> Problem:
    """Make a toy problem that gives a solver what its manifest needs, and no more.

    Args:
        case: The solver.
        rows: The number of measurements, ≥ 1.
        chains: The number of samples of each, ≥ 1.
        dtype: The precision.

    Returns:
        A problem of rows × chains rows.
    """
    needs = case.entry.component.needs
    abilities = [need.removeprefix("prior.") for need in needs if need.startswith("prior.")]
    return toys.problem("generator" in needs, abilities, rows, chains, dtype)


def run(solver: Solver, p: Problem, state: Any = None) -> list[Tensor]:
    """Run a solver to its end.

    Args:
        solver: The solver.
        p: A problem of N rows.
        state: Where to resume; None: at the start.

    Returns:
        The images of every step, then image, mean and variance of the last state, (N, C, H, W).
    """
    made = []
    for progress in solver.run(p, state):
        state = progress.state
        made.append(progress.info.image)
    with torch.no_grad():
        return [*made, *solver.result(p, state)]
