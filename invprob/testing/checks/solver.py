"""What a solver owes: its steps are counted, its metrics are right, its needs are said."""

from __future__ import annotations

import dataclasses
import gc
from itertools import pairwise
from typing import Any

import torch

from invprob import tree
from invprob.errors import Incompatible, InvprobError
from invprob.generator import Identity
from invprob.prior import Prior
from invprob.solver import Problem, Progress, Solver, State
from invprob.testing import compare
from invprob.testing.check import Failed, Inapplicable, check, require
from invprob.testing.smoke_run import problem, run
from invprob.testing.target import Case

STEPS = 50
"""Steps over which memory must be flat."""


def steps(solver: Solver, p: Problem) -> list[Progress]:
    """Run a solver and keep every step, for which toys are small enough.

    Args:
        solver: The solver.
        p: The problem.

    Returns:
        The progress of each step.
    """
    return list(solver.run(p))


@check("solver")
def stages_ascending(case: Case) -> None:
    """`stages(generator)` must be the stages whose latents the solver moves, ascending and below
    the generator's depth (0 where there is none), as a tuple."""
    stages = case.make().stages(problem(case).generator)
    depth = problem(case).generator.depth
    fits = isinstance(stages, tuple) and all(0 <= k < max(depth, 1) for k in stages)
    require(fits and list(stages) == sorted(set(stages)), f"stages are {stages}, depth {depth}")


@check("solver")
def steps_counted(case: Case) -> None:
    """Every step must raise `state.step`, by one unless it ends early, up to `total`; `init` starts
    at 0, and from `total` on the run is done."""
    solver, p = case.make(), problem(case)
    with torch.no_grad():
        start = solver.init(p)
    require(isinstance(start, State), f"init gives a {type(start).__name__}, no State")
    require(start.step == 0, f"init is at step {start.step}")
    made = [progress.state.step for progress in steps(solver, p)]
    total = solver.total(p)
    rising = all(a < b for a, b in pairwise([0, *made]))
    require(rising and made[-1:] == [total], f"steps are {made}, the total is {total}")


@check("solver")
def info_complete(case: Case) -> None:
    """`Info` must hold an image (N, C, H, W), the stage, and finite metrics (N,) for N rows;
    `returns` must be ``"estimate"`` or ``"sample"``, and a draw must come with its latent."""
    solver, p = case.make(), problem(case)
    require(solver.returns in ("estimate", "sample"), f"returns is {solver.returns!r}")
    count, shape = len(p.keys), (len(p.keys), *p.generator.image_shape)
    for progress in steps(solver, p):
        info, where = progress.info, f"step {progress.state.step}"
        require(tuple(info.image.shape) == shape, f"{where}: image {tuple(info.image.shape)}")
        require(bool(info.image.isfinite().all()), f"{where}: the image is not finite")
        for name, value in info.metrics.items():
            require(tuple(value.shape) == (count,), f"{where}: {name} is {tuple(value.shape)}")
            require(not bool(value.isnan().any()), f"{where}: {name} is NaN")
        if info.draw:
            require(info.latent is not None, f"{where}: a draw without a latent")
            require(tree.batch(info.latent) == count, f"{where}: a latent of other rows")


@check("solver")
def result_complete(case: Case) -> None:
    """`result` must give image, mean and variance, each (N, C, H, W), finite, variance ≥ 0."""
    solver, p = case.make(), problem(case)
    state = steps(solver, p)[-1].state
    shape = (len(p.keys), *p.generator.image_shape)
    with torch.no_grad():
        result = solver.result(p, state)
    for name, value in zip(("image", "mean", "var"), result, strict=True):
        require(tuple(value.shape) == shape, f"{name} is {tuple(value.shape)}, not {shape}")
        require(bool(value.isfinite().all()), f"{name} is not finite")
    require(bool((result[2] >= 0).all()), "a variance is negative")


@check("solver")
def fit_improves(case: Case) -> None:
    """A run must bring the image nearer to the measurement: on a toy problem, that of the result
    must be likelier than that of the first step."""
    solver, p = case.make(), problem(case, rows=4)
    made = steps(solver, p)
    with torch.no_grad():
        first = p.operator.log_likelihood(p.y, made[0].info.image).mean()
        last = p.operator.log_likelihood(p.y, solver.result(p, made[-1].state).image).mean()
    if len(made) == 1:
        raise Inapplicable("it makes a single step")
    require(bool(last > first), f"log p(y | x) goes from {first:.4g} to {last:.4g}")


@check("solver")
def states_detached(case: Case) -> None:
    """State and info must carry no graph: detach what a step returns, or memory grows."""
    solver, p = case.make(), problem(case)
    for progress in steps(solver, p):
        leaves = [*tree_leaves(progress.state), ("the image", progress.info.image)]
        leaves += tree_leaves(progress.info.latent)
        leaves += list(progress.info.metrics.items())
        for name, leaf in leaves:
            require(not leaf.requires_grad, f"step {progress.state.step}: {name} has a graph")


@check("solver")
def states_unchanged(case: Case) -> None:
    """A step must leave the state that it is given as it is, at every phase of a run, for a
    callback or a checkpoint may still hold it: make a new one (``dataclasses.replace``), and write
    nothing in place."""
    solver, p = case.make(), problem(case)
    given: list[tuple[str, torch.Tensor, torch.Tensor]] = []
    for progress in solver.run(p):
        for name, leaf, before in given:
            changed = not compare.equal(leaf, before)
            require(not changed, f"step {progress.state.step} changes {name}")
        given = [(name, leaf, leaf.clone()) for name, leaf in tree_leaves(progress.state)]


def tree_leaves(value: Any, name: str = "state") -> list[tuple[str, torch.Tensor]]:
    """Find the tensors of a state, whatever else it holds.

    Args:
        value: A state, or a part of one.
        name: What the names begin with.

    Returns:
        The names and the tensors.
    """
    if isinstance(value, torch.Tensor):
        return [(name, value)]
    if isinstance(value, (tuple, list)):
        parts = [(f"{name}.{i}", part) for i, part in enumerate(value)]
    elif dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        parts = [(f"{name}.{f.name}", getattr(value, f.name)) for f in fields]
    else:
        return []
    return [leaf for where, part in parts for leaf in tree_leaves(part, where)]


@check("solver")
def memory_flat(case: Case) -> None:
    """Memory must be flat over 50 steps: keep sums, not lists, in the state, and nothing in the
    solver itself."""
    solver, p = case.make(), problem(case)
    sizes = [_bytes(leaf for _, leaf in tree_leaves(made.state)) for made in steps(solver, p)]
    late = sizes[len(sizes) // 2 :]
    grows = len(late) > 2 and all(a < b for a, b in pairwise(late))
    require(not grows, f"the state grows at every step, to {sizes[-1]} bytes")
    # what is there by now is not looked at again, which spares a second
    gc.freeze()
    try:
        run(solver, p)
        before = _alive()
        for _ in range(max(3, STEPS // len(sizes))):
            run(solver, p)
        after = _alive()
    finally:
        gc.unfreeze()
    require(after <= before, f"{before} bytes are held before {STEPS} steps, {after} after them")


def _bytes(leaves: Any) -> int:
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves)


def _alive() -> int:
    """The size of all tensors made since the rest was frozen."""
    gc.collect()
    # not isinstance, which wakes the lazy objects of other libraries
    return _bytes(thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor))


@check("solver")
def refuses_missing_needs(case: Case) -> None:
    """What a solver needs and what its manifest says must agree: take priors with `Problem.prior`,
    which refuses one without the ability, and name ``generator`` if there must be one."""
    solver, needs = case.make(), case.entry.component.needs
    try:
        run(solver, problem(case))
    except Incompatible as error:
        raise Failed(f"with all that needs names: {error}") from None
    if any(need.startswith("prior.") for need in needs):
        p = problem(case)
        bare = dict.fromkeys(p.priors, Prior())
        refused = _refuses(solver, dataclasses.replace(p, priors=bare), "a prior that can nothing")
        require(refused, "with a prior that can nothing it runs")
    if "generator" in needs:
        G = problem(case).generator
        one = dataclasses.replace(problem(case), generator=Identity(G.image_shape))
        # images are latents too: a solver may run all the same
        _refuses(solver, one, "no generator")


def _refuses(solver: Solver, p: Problem, what: str) -> bool:
    """Whether the first step is refused with a sentence."""
    try:
        next(iter(solver.run(p)))
    except InvprobError:
        return True
    except Exception as error:
        raise Failed(f"with {what} it raises {type(error).__name__}: {error}") from error
    return False
