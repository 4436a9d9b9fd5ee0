"""What chains owe: each is a function of its key, and can be continued where it stopped."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import torch

from invprob.io import checkpoint
from invprob.solver import Problem, Solver
from invprob.testing import compare
from invprob.testing.check import check, require
from invprob.testing.smoke_run import problem, run
from invprob.testing.target import Case

STOPS = (1, 3)
"""Steps after which a run is stopped, besides half of all."""


@check("solver")
def resumes_with_same_bits(case: Case) -> None:
    """A run that is stopped, saved, loaded and resumed must give the same bits: keep in the state
    all that a step reads, list its dataclasses in `states`, and draw from streams of key and
    step."""
    solver, p = case.make(), problem(case)
    total = solver.total(p)
    whole = run(solver, p)
    for stop in sorted({*STOPS, total // 2} & set(range(1, total))):
        state = _stopped(solver, p, stop)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "checkpoint.pt"
            checkpoint.save(file, state)
            again = checkpoint.load(file, (*solver.states, *p.generator.latents))
        # a solver of its own: what the first one remembers is lost in another process
        resumed = run(case.make(), p, again)
        same = all(map(compare.equal, whole[-len(resumed) :], resumed))
        require(same, f"stopped after {stop} of {total} steps, the images are others")


def _stopped(solver: Solver, p: Problem, stop: int) -> Any:
    for progress in solver.run(p):
        if progress.state.step >= stop:
            break
    return progress.state


@check("solver")
def chains_independent(case: Case) -> None:
    """A chain must not know of the others: a batch gives what its rows give alone, so mix no rows,
    and draw each row's noise from its own key (`invprob.seeds.normal_like`)."""
    solver, p = case.make(), problem(case)
    together = run(solver, p)
    for b in range(len(p.keys)):
        one = dataclasses.replace(p, y=p.y[b : b + 1], keys=p.keys[b : b + 1])
        alone = run(solver, one)
        gap = compare.difference(alone[-1], together[-1][b : b + 1])
        gap = max(gap, compare.difference(alone[-3], together[-3][b : b + 1]))
        require(gap < 1e-4, f"row {b} of {len(p.keys)} differs by {gap:.2g} from the row alone")


@check("solver")
def chains_differ_by_key(case: Case) -> None:
    """Chains with other keys must differ if `returns` is ``"sample"``: draw starts and noise from
    the keys of the problem."""
    solver, p = case.make(), problem(case, rows=1, chains=2)
    if solver.returns != "sample":
        return
    image = run(solver, p)[-3]
    gap = compare.difference(image[:1], image[1:])
    require(gap > 1e-6, "two chains of one measurement give the same image")
    other = dataclasses.replace(p, keys=tuple(key + 1 for key in p.keys))
    require(not torch.equal(run(solver, other)[-3], image), "other keys give the same images")
