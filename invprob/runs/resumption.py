"""What the folder of a stopped run holds; what is damaged is repaired, or one sentence says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invprob.analysis.draws import Drawn
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import UnknownComponent
from invprob.io import checkpoint
from invprob.runs import build, folder, kept_files, manifest, stored_data, trace_file
from invprob.runs.build import Parts
from invprob.runs.data import Data
from invprob.solver import Problem


@dataclass(frozen=True)
class Stopped:
    """A run to go on with.

    Attributes:
        out: Its folder.
        experiment: What it was made from.
        found: The same with the files that it names where they are now.
        data: The measurements.
        parts: The objects of the experiment.
        problem: The problem that is solved.
        state: The last state of the solver; None at the start.
        rows: The trace up to there.
        draws: The draws up to there, if there are any.
        notices: What was damaged, in sentences.
    """

    out: Path
    experiment: ResolvedExperiment
    found: ResolvedExperiment
    data: Data
    parts: Parts
    problem: Problem
    state: Any
    rows: list[dict[str, Any]]
    draws: Drawn | None
    notices: list[str]

    @property
    def step(self) -> int:
        """How many steps were made."""
        return 0 if self.state is None else int(self.state.step)

    def keep(self, registry: Registry) -> dict[str, Any]:
        """Keep the files of the experiment as at the start; see `kept_files.keep`."""
        return kept_files.keep(self.out, self.found, registry)


def load(registry: Registry, out: Path, facts: dict[str, Any] | None) -> Stopped:
    """Read the folder of a run.

    Args:
        registry: Where components are looked up.
        out: The folder.
        facts: Its manifest; None where that is gone or damaged.

    Returns:
        What is needed to go on.

    Raises:
        InvprobError: If something is missing that cannot be repaired.
    """
    notices = []
    raw, damaged = folder.read_experiment(out, facts)
    if damaged:
        notices.append(f"{out / folder.EXPERIMENT} was damaged and is written anew")
    try:
        experiment = raw.resolve(registry)
    except UnknownComponent as error:
        raise manifest.missing_plugin(error, facts, registry) from None
    data = stored_data.read(out / folder.MEASUREMENT)
    found = kept_files.found_again(out, experiment, registry, facts)
    # folders of 0.1 do not tell the shape
    shape = data.image_shape or (None if data.truth is None else tuple(data.truth.shape[1:]))
    parts = build.parts(found, registry, shape)  # type: ignore[arg-type]
    problem = parts.problem(data.y, experiment.samples, experiment.seed)
    if facts is None:
        notices.append(
            f"{out / manifest.NAME} was damaged and is written anew; nobody can tell whether the"
            " weights are those that the run began with"
        )
    else:
        manifest.check_unchanged(facts, out, problem)
    state, before = None, None
    rows: list[dict[str, Any]] = []
    if (path := out / folder.CHECKPOINT).is_file():
        state = checkpoint.load(
            path, (*parts.solver.states, *parts.generator.latents), parts.device
        )
        before = folder.read_draws(out, state.step, checkpoint.read(path, ()).get("draws"))
        rows, damaged = trace_file.read(out, state.step)
        if damaged:
            notices.append(f"{out / trace_file.NAME} was damaged, and lacks some steps now")
    elif facts is not None and facts.get("seconds"):
        notices.append(f"{path} is gone; the run starts anew")
    return Stopped(out, experiment, found, data, parts, problem, state, rows, before, notices)
