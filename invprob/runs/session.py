"""A run: begin it, drive the solver, write what came out.

The folder of an experiment holds from its first second all that `resume` needs: the experiment, the
measurement and, as the run goes, the newest checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from invprob.analysis.draws import Draws
from invprob.callback import Callback, CallbackContext, OnStep
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput, Diverged
from invprob.global_state.torch_state import standard
from invprob.io import checkpoint, lock
from invprob.runs import build, folder, manifest, pictures, resumption, room, settle, trace_file
from invprob.runs.build import Parts
from invprob.runs.data import Data
from invprob.runs.divergence import Divergence
from invprob.runs.end import End
from invprob.runs.in_memory import InMemoryInput
from invprob.runs.inputs import prepare
from invprob.runs.interruption import Interrupted as Interrupted
from invprob.runs.loop import Checkpointer, Trace, drive
from invprob.runs.resumption import Stopped
from invprob.runs.solution import Solution
from invprob.solver import Problem, Solver

MakeCallbacks = Callable[[CallbackContext], Iterable[OnStep]]
"""Makes the callbacks of a run, which come before those that the experiment names."""


@standard()
def solve(
    experiment: ResolvedExperiment,
    registry: Registry,
    out: Path | None = None,
    callbacks: MakeCallbacks | None = None,
    given: InMemoryInput | None = None,
    plots: bool = True,
) -> Solution:
    """Solve what an experiment names.

    Args:
        experiment: What to solve, with what.
        registry: Where components are looked up.
        out: The run folder to write, new or empty; None: nothing is kept.
        callbacks: Makes callbacks besides those of the experiment.
        given: What stands in for the files that the experiment would name.
        plots: Whether to draw the traces and the summary.

    Returns:
        What the run came to; `Solution.complete` is False where a callback stopped it.

    Raises:
        InvprobError: If the input cannot be used; nothing is written then.
        Interrupted: On Ctrl-C, if there is a folder; without one, `KeyboardInterrupt`.
    """
    parts, data = prepare(experiment, registry, given)
    settled = replace(data.settled, chosen=settle.chosen(parts))
    asked, experiment = experiment, settled.applied(experiment, out)
    if given is not None and out is not None:
        # what was in memory cannot be read again, what was measured can
        stored = str(out / folder.MEASUREMENT)
        experiment = experiment.model_copy(update={"measurement": stored})
    problem = parts.problem(data.y, experiment.samples, experiment.seed)
    told = settled.facts(asked)
    return _begin(parts.solver, problem, data, out, callbacks, experiment, registry, told, plots)


@standard()
def solve_prepared(
    experiment: ResolvedExperiment,
    registry: Registry,
    parts: Parts,
    data: Data,
    out: Path,
    callbacks: MakeCallbacks | None = None,
    plots: bool = True,
) -> Solution:
    """Solve as `solve` does, with objects and measurements of the experiment that are made already.

    Args:
        parts: The objects, which several runs may share.
        data: The measurements.
        plots: Whether to draw the traces and the summary.
    """
    problem = parts.problem(data.y, experiment.samples, experiment.seed)
    return _begin(parts.solver, problem, data, out, callbacks, experiment, registry, {}, plots)


@standard()
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


@standard()
def resume(
    registry: Registry, out: Path, callbacks: MakeCallbacks | None = None, plots: bool = True
) -> Solution:
    """Go on with the run of a folder from its checkpoint.

    Args:
        registry: Where components are looked up.
        out: The run folder.
        callbacks: Makes callbacks besides those of the experiment.
        plots: Whether to draw the traces and the summary.

    Returns:
        What the run came to, in the same bits as if it had never stopped, on a CPU.

    Raises:
        InvprobError: If the folder cannot be resumed.
        Interrupted: On Ctrl-C.
    """
    if not out.is_dir():
        raise BadInput(f"{out} is not a run folder", "give a folder that invprob solve wrote")
    for name, whole in (("chunks.json", out), ("done.json", out.absolute().parent.parent)):
        if (out / name).is_file():
            raise BadInput(f"run {out} is in chunks", f"go on with: invprob resume {whole}")
    facts = manifest.read(out)
    if not (out / folder.EXPERIMENT).is_file() and "experiment" not in (facts or {}):
        if facts is not None:
            raise BadInput(
                f"run {out} solved a problem made of Python objects, which its folder lacks",
                "solve it again with invprob.solve(problem, solver)",
            )
        raise BadInput(f"{out} is not a run folder", "give a folder that invprob solve wrote")
    with lock.only(out):
        stopped = resumption.load(registry, out, facts)
        context = _context(stopped.parts.solver, stopped.problem, out, stopped.step)
        if facts is None:
            manifest.write(out, context, stopped.experiment, registry, files=stopped.keep(registry))
        own = [] if callbacks is None else callbacks(context)
        called: list[OnStep] = [*own, *build.callbacks(stopped.found, registry, context)]
        return _finish(context, stopped.data, stopped.experiment, called, plots, stopped)


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
    settled: Mapping[str, str] = MappingProxyType({}),
    plots: bool = True,
) -> Solution:
    """Run from the start; an experiment comes with the registry of its components."""
    context = _context(solver, problem, out)

    def called() -> list[OnStep]:
        named: list[Callback] = []
        if experiment is not None and registry is not None:
            named = build.callbacks(experiment, registry, context)
        return [*([] if callbacks is None else callbacks(context)), *named]

    if out is None:
        return _finish(context, data, experiment, called(), plots)
    new = folder.claim(out)
    with lock.only(out):
        try:
            room.check(out, context)
            folder.begin(out, context, data, experiment, registry)
            if settled:
                manifest.record(out, settled=dict(settled))
            ready = called()
        except BaseException:
            folder.withdraw(out, new)
            raise
        try:
            return _finish(context, data, experiment, ready, plots)
        except Diverged as error:
            if error.solution is None:
                folder.withdraw(out, new)
            raise


def _finish(
    context: CallbackContext,
    data: Data,
    experiment: ResolvedExperiment | None,
    callbacks: Sequence[OnStep],
    plots: bool,
    stopped: Stopped | None = None,
) -> Solution:
    """Run from a state to the end, or until a callback stops; write and return what there is."""
    solver, problem, out = context.solver, context.problem, context.out
    state = None if stopped is None else stopped.state
    notices = stopped.notices if stopped else []
    divergence, trace = Divergence(), Trace(context.total, stopped.rows if stopped else ())
    kept = stopped.draws if stopped else None
    chains = Draws(problem, problem.num_samples, kept, context.first)

    def write(state: Any) -> None:
        if out is None:
            return
        trace_file.write(out, trace.rows)
        chains.save(out / folder.DRAWS)
        if experiment is not None:
            checkpoint.save(out / folder.CHECKPOINT, state, draws=chains.count())

    keep, lost = Checkpointer(write, state), None
    spent, started = 0.0 if out is None else manifest.seconds(out), time.perf_counter()
    try:
        try:
            state = drive(solver, problem, (divergence, trace, chains, keep, *callbacks), state)
        except Diverged as error:
            if (state := keep.last) is None:
                raise
            lost = error
        seconds = spent + time.perf_counter() - started
        keep.save()
        end = End.of(solver, problem, state)
        state = keep.last = None  # it is on disk, and results need its memory
        solution = Solution.of(context, data, experiment, end, chains.drawn(), trace.rows, seconds)
        made = solution.samples, solution.mean, solution.std
        lost = lost or divergence.check(solver, end.steps, data.names, *made)
        solution = replace(solution, diverged=lost.message if lost else "")
        if out is not None:
            folder.finish(out, solution)
            notices = [*notices, *pictures.write(out, solution, plots)]
        solution = replace(solution, notices=tuple(notices))
        if lost is not None:
            lost.solution = solution
            raise lost
    except KeyboardInterrupt:
        if out is None or experiment is None:
            raise
        keep.save()
        manifest.record(out, seconds=round(spent + time.perf_counter() - started, 3))
        raise Interrupted(out) from None
    finally:
        for callback in callbacks:
            if isinstance(callback, Callback):
                callback.close()
    return solution
