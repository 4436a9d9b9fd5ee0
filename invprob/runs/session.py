"""A run from experiment to folder: begin it, drive the solver, write what came out.

A run folder holds from its first second all that `resume` needs: the experiment, the measurement
and, as the run goes, the newest checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from invprob.analysis import credible_intervals, draws, metrics
from invprob.analysis.diagnostics import diagnose
from invprob.analysis.draws import Drawn, Draws
from invprob.callback import Run, Watcher
from invprob.config.experiment import Experiment, complete
from invprob.config.registry import Registry
from invprob.config.toml import read
from invprob.errors import BadInput
from invprob.io import checkpoint, lock
from invprob.runs import build, folder
from invprob.runs.build import Parts
from invprob.runs.folder import Outcome
from invprob.runs.in_memory import Given
from invprob.runs.inputs import Data, prepare
from invprob.runs.loop import Checkpointer, Observer, Trace, drive
from invprob.solver import Problem, Solver

Watch = Callable[[Solver, Problem, int], Iterable[Observer]]
"""Makes the observers of a run from its solver, problem and first step."""


class Interrupted(Exception):
    """The user stopped the run; its folder can be resumed."""

    def __init__(self, out: Path) -> None:
        super().__init__(str(out))
        self.out = out


def solve(
    experiment: Experiment,
    registry: Registry,
    out: Path,
    watch: Watch | None = None,
    given: Given | None = None,
) -> Outcome:
    """Solve and write the run folder `out`, which must be new or empty.

    What is `given` stands in for the files that the experiment would name. Raises `InvprobError`
    before anything is written if the input cannot be used, and `Interrupted` when the user stops
    the run.
    """
    experiment, parts, data = prepare(experiment, registry, given)
    if given is not None:
        # what was in memory cannot be read again, what was measured can
        stored = str(out / "measurement.safetensors")
        experiment = experiment.model_copy(update={"measurement": stored})
    new = folder.claim(out)
    with lock.only(out):
        try:
            folder.begin(out, experiment, registry, parts, data.names, data.y, data.truth)
            run = _run(experiment, parts, data, out, 0)
            watchers = build.watchers(experiment, registry, run)
        except BaseException:
            folder.withdraw(out, new)
            raise
        return _finish(experiment, parts, data, run, _watching(run, watch, watchers), None, [])


def resume(registry: Registry, out: Path, watch: Watch | None = None) -> Outcome:
    """Take up the run of the folder `out` where its checkpoint stands."""
    if not (out / "experiment.toml").is_file():
        raise BadInput(f"{out} is no run folder", "give a folder that invprob solve wrote")
    with lock.only(out):
        return _resume(registry, out, watch)


def _resume(registry: Registry, out: Path, watch: Watch | None) -> Outcome:
    experiment = complete(Experiment.parse(read(out / "experiment.toml")), registry)
    names, y, truth = folder.read_data(out)
    shape = tuple(truth.shape[1:]) if truth is not None else None
    parts = build.parts(experiment, registry, shape)  # type: ignore[arg-type]
    folder.check_unchanged(out, parts)
    state, rows = None, []
    if (out / "checkpoint.pt").is_file():
        allowed = (*parts.solver.states, *parts.generator.latents)
        state = checkpoint.load(out / "checkpoint.pt", allowed, parts.device)
        rows = [row for row in folder.read_trace(out) if row["step"] <= state.step]
    data = Data(names, y, truth)
    run = _run(experiment, parts, data, out, 0 if state is None else state.step)
    watching = _watching(run, watch, build.watchers(experiment, registry, run))
    return _finish(experiment, parts, data, run, watching, state, rows)


def _run(experiment: Experiment, parts: Parts, data: Data, out: Path, first: int) -> Run:
    problem = parts.problem(data.y, experiment.samples, experiment.seed)
    return Run(parts.solver, problem, first, parts.solver.total(problem), out)


def _watching(run: Run, watch: Watch | None, watchers: list[Watcher]) -> list[Observer]:
    own = [] if watch is None else watch(run.solver, run.problem, run.first)
    return [*own, *watchers]


def _finish(
    experiment: Experiment,
    parts: Parts,
    data: Data,
    run: Run,
    watching: Sequence[Observer],
    state: Any,
    rows: list[dict[str, Any]],
) -> Outcome:
    solver, problem, out = run.solver, run.problem, run.out
    trace = Trace(run.total, rows)
    chains = Draws(problem, experiment.samples, draws.read(out / "draws.safetensors"), run.first)

    def keep_pace() -> None:
        folder.write_trace(out, trace.rows)
        chains.save(out / "draws.safetensors")

    keep = Checkpointer(out / "checkpoint.pt", keep_pace)
    keep.last = state
    before, started = folder.seconds(out), time.perf_counter()
    try:
        state = drive(solver, problem, (trace, chains, keep, *watching), state)
        seconds = before + time.perf_counter() - started
        keep.save()
        if not solver.done(problem, state):
            raise KeyboardInterrupt
        drawn = chains.drawn()
        outcome = _outcome(experiment, parts, data, problem, state, drawn, seconds)
        folder.finish(out, outcome, parts.operator)
    except KeyboardInterrupt:
        keep.save()
        folder.record(out, seconds=round(before + time.perf_counter() - started, 3))
        raise Interrupted(out) from None
    finally:
        for watcher in watching:
            if isinstance(watcher, Watcher):
                watcher.close()
    return outcome


def _outcome(
    experiment: Experiment,
    parts: Parts,
    data: Data,
    problem: Problem,
    state: Any,
    drawn: Drawn | None,
    seconds: float,
) -> Outcome:
    """Pool the chains of each image; the std follows from the law of total variance."""
    with torch.no_grad():
        result = parts.solver.result(problem, state)
    by_image = (len(data.names), experiment.samples, *result.image.shape[1:])
    last, means, variances = (part.cpu().reshape(by_image) for part in result)
    mean = means.mean(1)
    std = (variances.mean(1) + means.var(1, unbiased=False)).sqrt()
    interval = credible_intervals.interval(last if drawn is None else drawn.images.flatten(1, 2))
    judged = [] if drawn is None else [diagnose(chains, drawn.names) for chains in drawn.values]
    rows = []
    with torch.no_grad():
        noise = parts.operator.chi2(data.y.to(parts.device), mean.to(parts.device)).cpu()
        flat = last.flatten(0, 1)
        y_rows = data.y.repeat_interleave(experiment.samples, 0)
        chi2 = parts.operator.chi2(y_rows.to(parts.device), flat.to(parts.device)).cpu()
        chi2 = chi2.reshape(by_image[:2]).mean(1)
    for i, name in enumerate(data.names):
        row: dict[str, Any] = {"image": name}
        if data.truth is not None:
            truth = data.truth[i : i + 1]
            copies = truth.expand_as(last[i])
            row |= {
                "psnr_mean": float(metrics.psnr(mean[i : i + 1], truth)),
                "ssim_mean": float(metrics.ssim(mean[i : i + 1], truth)),
                "psnr_sample": float(metrics.psnr(last[i], copies).mean()),
                "ssim_sample": float(metrics.ssim(last[i], copies).mean()),
            }
        row |= {"misfit_mean": float(noise[i]), "misfit_sample": float(chi2[i])}
        if judged:
            row |= judged[i].row()
        if data.truth is not None and parts.solver.returns == "sample" and interval.trusted:
            row["coverage_90"] = float(credible_intervals.coverage(interval, data.truth)[i])
        rows.append(row)
    return Outcome(
        experiment=experiment,
        names=data.names,
        truth=data.truth,
        y=data.y,
        samples=last,
        mean=mean,
        std=std,
        interval=interval,
        drawn=drawn,
        diagnoses=judged,
        rows=rows,
        returns=parts.solver.returns,
        bias=parts.solver.bias,
        seconds=seconds,
    )
