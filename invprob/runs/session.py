"""A run: begin it, drive the solver, write what came out.

The folder of an experiment holds from its first second all that `resume` needs: the experiment, the
measurement and, as the run goes, the newest checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from invprob.analysis import draws
from invprob.analysis.draws import Draws
from invprob.callback import Callback, CallbackContext, OnStep
from invprob.config.experiment import Experiment, ResolvedExperiment
from invprob.config.registry import Registry
from invprob.config.toml import read
from invprob.errors import BadInput
from invprob.io import checkpoint, lock
from invprob.runs import build, folder, pictures
from invprob.runs.in_memory import InMemoryInput
from invprob.runs.inputs import Data, prepare
from invprob.runs.loop import Checkpointer, Trace, drive
from invprob.runs.solution import Solution
from invprob.solver import Problem, Solver

MakeCallbacks = Callable[[CallbackContext], Iterable[OnStep]]
"""Makes the callbacks of a run, which come before those that the experiment names."""


class Interrupted(Exception):
    """The user pressed Ctrl-C; the run can be resumed.

    Args:
        out: The folder of the run.
    """

    def __init__(self, out: Path) -> None:
        super().__init__(str(out))
        self.out = out


def solve(
    experiment: ResolvedExperiment,
    registry: Registry,
    out: Path | None = None,
    callbacks: MakeCallbacks | None = None,
    given: InMemoryInput | None = None,
) -> Solution:
    """Solve what an experiment names.

    Args:
        experiment: What to solve, with what.
        registry: Where components are looked up.
        out: The run folder to write, new or empty; None: nothing is kept.
        callbacks: Makes callbacks besides those of the experiment.
        given: What stands in for the files that the experiment would name.

    Returns:
        What the run came to; `Solution.complete` is False where a callback stopped it.

    Raises:
        InvprobError: If the input cannot be used; nothing is written then.
        Interrupted: On Ctrl-C, if there is a folder; without one, `KeyboardInterrupt`.
    """
    parts, data = prepare(experiment, registry, given)
    if given is not None and out is not None:
        # what was in memory cannot be read again, what was measured can
        stored = str(out / "measurement.safetensors")
        experiment = experiment.model_copy(update={"measurement": stored})
    problem = parts.problem(data.y, experiment.samples, experiment.seed)
    return _begin(parts.solver, problem, data, out, callbacks, experiment, registry)


def solve_problem(
    problem: Problem,
    solver: Solver,
    data: Data,
    out: Path | None = None,
    callbacks: MakeCallbacks | None = None,
) -> Solution:
    """Solve a problem made of objects.

    Args:
        problem: The problem.
        solver: The solver.
        data: The measurements of the problem, with names and, where it is known, the truth.
        out: The folder to write, new or empty; it cannot be resumed. None: nothing is kept.
        callbacks: Makes callbacks.

    Returns:
        What the run came to; `Solution.complete` is False where a callback stopped it.

    Raises:
        InvprobError: If the input cannot be used.
    """
    return _begin(solver, problem, data, out, callbacks)


def resume(registry: Registry, out: Path, callbacks: MakeCallbacks | None = None) -> Solution:
    """Go on with the run of a folder from its checkpoint.

    Args:
        registry: Where components are looked up.
        out: The run folder.
        callbacks: Makes callbacks besides those of the experiment.

    Returns:
        What the run came to, in the same bits as if it had never stopped, on a CPU.

    Raises:
        InvprobError: If the folder cannot be resumed.
        Interrupted: On Ctrl-C.
    """
    if not (out / "experiment.toml").is_file():
        if (out / "manifest.json").is_file():
            raise BadInput(
                f"run {out} solved a problem made of Python objects, which its folder lacks",
                "solve it again with invprob.solve(problem, solver)",
            )
        raise BadInput(f"{out} is not a run folder", "give a folder that invprob solve wrote")
    with lock.only(out):
        return _resume(registry, out, callbacks)


def _resume(registry: Registry, out: Path, callbacks: MakeCallbacks | None) -> Solution:
    experiment = Experiment.parse(read(out / "experiment.toml")).resolve(registry)
    data = folder.read_data(out)
    shape = tuple(data.truth.shape[1:]) if data.truth is not None else None
    parts = build.parts(experiment, registry, shape)  # type: ignore[arg-type]
    problem = parts.problem(data.y, experiment.samples, experiment.seed)
    folder.check_unchanged(out, problem)
    state, rows = None, []
    if (out / "checkpoint.pt").is_file():
        allowed = (*parts.solver.states, *parts.generator.latents)
        state = checkpoint.load(out / "checkpoint.pt", allowed, parts.device)
        rows = [row for row in folder.read_trace(out) if row["step"] <= state.step]
    context = _context(parts.solver, problem, out, 0 if state is None else state.step)
    own = [] if callbacks is None else callbacks(context)
    called: list[OnStep] = [*own, *build.callbacks(experiment, registry, context)]
    return _finish(context, data, experiment, called, state, rows)


def _context(solver: Solver, problem: Problem, out: Path | None, first: int = 0) -> CallbackContext:
    return CallbackContext(solver, problem, first, solver.total(problem), out)


def _begin(
    solver: Solver,
    problem: Problem,
    data: Data,
    out: Path | None,
    callbacks: MakeCallbacks | None,
    experiment: ResolvedExperiment | None = None,
    registry: Registry | None = None,
) -> Solution:
    """Run from the start; an experiment comes with the registry of its components."""
    context = _context(solver, problem, out)

    def called() -> list[OnStep]:
        named: list[Callback] = []
        if experiment is not None and registry is not None:
            named = build.callbacks(experiment, registry, context)
        return [*([] if callbacks is None else callbacks(context)), *named]

    if out is None:
        return _finish(context, data, experiment, called())
    new = folder.claim(out)
    with lock.only(out):
        try:
            folder.begin(out, context, data, experiment, registry)
            ready = called()
        except BaseException:
            folder.withdraw(out, new)
            raise
        return _finish(context, data, experiment, ready)


def _finish(
    context: CallbackContext,
    data: Data,
    experiment: ResolvedExperiment | None,
    callbacks: Sequence[OnStep],
    state: Any = None,
    rows: Sequence[dict[str, Any]] = (),
) -> Solution:
    """Run from a state to the end, or until a callback stops; write and return what there is."""
    solver, problem, out = context.solver, context.problem, context.out
    trace = Trace(context.total, rows)
    before = None if out is None else draws.read(out / "draws.safetensors")
    chains = Draws(problem, problem.num_samples, before, context.first)

    def write(state: Any) -> None:
        if out is None:
            return
        folder.write_trace(out, trace.rows)
        chains.save(out / "draws.safetensors")
        if experiment is not None:
            checkpoint.save(out / "checkpoint.pt", state)

    keep = Checkpointer(write, state)
    spent, started = 0.0 if out is None else folder.seconds(out), time.perf_counter()
    try:
        state = drive(solver, problem, (trace, chains, keep, *callbacks), state)
        seconds = spent + time.perf_counter() - started
        keep.save()
        solution = Solution.of(
            context, data, experiment, state, chains.drawn(), trace.rows, seconds
        )
        if out is not None:
            folder.finish(out, solution)
            pictures.write(out, solution)
    except KeyboardInterrupt:
        if out is None or experiment is None:
            raise
        keep.save()
        folder.record(out, seconds=round(spent + time.perf_counter() - started, 3))
        raise Interrupted(out) from None
    finally:
        for callback in callbacks:
            if isinstance(callback, Callback):
                callback.close()
    return solution
