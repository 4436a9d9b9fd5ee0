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
    """Everything that a component computes and draws in a small run."""
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


def problem(case: Case, rows: int = 2, chains: int = 2) -> Problem:
    """A toy problem that gives a solver what its manifest says that it needs, and no more."""
    needs = case.entry.component.needs
    abilities = [need.removeprefix("prior.") for need in needs if need.startswith("prior.")]
    return toys.problem("generator" in needs, abilities, rows, chains)


def run(solver: Solver, p: Problem, state: Any = None) -> list[Tensor]:
    """The images of every step, and the result of the last state."""
    made = []
    for progress in solver.run(p, state):
        state = progress.state
        made.append(progress.info.image)
    with torch.no_grad():
        return [*made, *solver.result(p, state)]
