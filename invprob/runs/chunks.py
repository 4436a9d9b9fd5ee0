"""A run of any number of pictures in bounded memory: cut into chunks, each a run of its own.

The rows of a solver are independent, so a chunk gives what the whole batch would give, up to the
rounding of sums that torch arranges by the size of a batch. In the folder of such a run,
``chunks/`` holds the folders of the chunks, whose pictures move up when a chunk is finished. A
process that dies leaves finished chunks as they are, and a begun one at its last checkpoint.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from invprob import paths
from invprob.callback import CallbackContext
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput, Diverged
from invprob.io import files
from invprob.io.chunked import Cut
from invprob.io.json_text import finite
from invprob.runs import (
    chunk_files,
    folder,
    inputs,
    kept_files,
    manifest,
    room,
    session,
    settle,
    stored_data,
)
from invprob.runs.build import Parts
from invprob.runs.data import Data
from invprob.runs.session import MakeCallbacks
from invprob.runs.solution import Solution
from invprob.runs.sources import Source, kept_at

PLAN, FOLDER, DONE = "chunks.json", "chunks", "done.json"


@dataclass(frozen=True)
class Chunks:
    """The chunks of a run.

    Attributes:
        out: The folder of the run.
        experiment: What to solve.
        registry: Where its components are looked up.
        source: The pictures.
        size: How many of them a chunk has, the last one at most.
    """

    out: Path
    experiment: ResolvedExperiment
    registry: Registry
    source: Source
    size: int

    @cached_property
    def cut(self) -> Cut:
        """How the pictures are cut into chunks."""
        return Cut(len(self.source.names), self.size)

    @cached_property
    def parts(self) -> Parts:
        """The objects that all chunks share; where each has its own, those of the first picture."""
        if self.alone:
            return self._prepared([0])[0]
        return self.source.parts(self.experiment, self.registry)

    @property
    def alone(self) -> bool:
        """Whether each picture has objects of its own, for something is found in it."""
        return settle.each_alone(self.experiment)

    def folder(self, k: int) -> Path:
        """The folder of a chunk.

        Args:
            k: Its number, from 0.

        Returns:
            A path, which may not exist.
        """
        return self.out / FOLDER / f"{k:05d}"

    def is_finished(self, k: int) -> bool:
        """Whether all of a chunk is on disk."""
        return (self.folder(k) / DONE).is_file()

    def data(self, numbers: Sequence[int]) -> Data:
        """The measurements of some pictures, of which each could be measured alone."""
        if self.alone:
            return self._prepared(numbers)[1]
        return self.source.data(self.parts, self.experiment, numbers)

    def _prepared(self, numbers: Sequence[int]) -> tuple[Parts, Data]:
        named = self.source.named(self.experiment, numbers, self.out)
        return inputs.prepare(named, self.registry)

    def of_size(self, size: int) -> Chunks:
        """The same run in chunks of so many pictures; its objects are kept."""
        return self._changed(size=size)

    def in_folder(self, out: Path) -> Chunks:
        """The same run in another folder; its objects are kept."""
        return self._changed(out=out)

    def _changed(self, **fields: Any) -> Chunks:
        other = dataclasses.replace(self, **fields)
        if "parts" in self.__dict__:
            other.__dict__["parts"] = self.parts
        return other

    def begin(self) -> Chunks:
        """Write what `reopen` needs, after a picture of each size was tried.

        Returns:
            The same run, which takes small files such as masks from its folder from now on.

        Raises:
            InvprobError: If the objects cannot be made, pictures cannot be used, or the files of
                the whole run would not find room.
        """
        tried = [0] if self.alone else [*self.source.sizes().values()] or [0]
        context = self._tried(tried)
        room.check(self.out, context, self.cut.total / len(tried))
        settled = settle.Settled(chosen=settle.chosen(self.parts))
        experiment = settled.applied(self.experiment, None)
        kept = kept_files.keep(self.out, experiment, self.registry)
        files.write_text(self.out / folder.EXPERIMENT, experiment.to_toml())
        facts = {"files": kept, "chunks": len(self.cut), "settled": settled.facts(self.experiment)}
        manifest.write(self.out, context, experiment, self.registry, **facts)
        if self.source.in_memory:
            (self.out / settle.FOLDER).mkdir(exist_ok=True)
            for k in range(len(self.cut)):
                stored_data.write(kept_at(self.out, k), self.data(self.cut.numbers(k)))
        # last: a folder with a plan can be resumed
        sources = [str(paths.expand(path).absolute()) for path in experiment.images]
        given = experiment.measurement
        measured = None if given is None else str(paths.expand(given).absolute())
        plan = {"size": self.size, "images": sources, "measurement": measured}
        plan |= {"sizes": sorted(self.source.sizes())}
        plan |= {"in_memory": self.source.in_memory, "names": list(self.source.names)}
        files.write_json(self.out / PLAN, plan)
        found = kept_files.found_again(self.out, experiment, self.registry, facts)
        return self._changed(experiment=found)

    def check_unchanged(self, facts: Mapping[str, Any]) -> None:
        """Refuse to go on with other weights or another mask than the run began with.

        Args:
            facts: The manifest of the run.

        Raises:
            InvprobError: If a component has other numbers.
        """
        manifest.check_unchanged(facts, self.out, self._tried([0]).problem)

    def _tried(self, numbers: Sequence[int]) -> CallbackContext:
        """A run of some pictures that does not begin; what is wrong with it shows here."""
        parts, experiment = self.parts, self.experiment
        problem = parts.problem(self.data(numbers).y, experiment.samples, experiment.seed)
        return CallbackContext(parts.solver, problem, 0, parts.solver.total(problem), self.out)

    def solve(self, k: int, callbacks: MakeCallbacks | None = None) -> None:
        """Solve a chunk, or go on with it, and move its pictures up.

        Args:
            k: Its number, from 0.
            callbacks: Makes callbacks besides those of the experiment.

        Raises:
            InvprobError: If its pictures cannot be used. A chunk that diverges is finished.
            Interrupted: On Ctrl-C.
        """
        if self.is_finished(k):
            return  # the worker that did it was killed before it could say so
        out = self.folder(k)
        names = [self.source.names[i] for i in self.cut.numbers(k)]
        try:
            solution = self._solved(k, out, callbacks)
            told = _told(solution)
        except Diverged as error:
            known = {} if error.solution is None else _told(error.solution)
            told = known or {"images": [{"image": name} for name in names]}
            told["diverged"] = f"{error.message} ({error.hint})" if error.hint else error.message
        out.mkdir(parents=True, exist_ok=True)
        chunk_files.sweep(out)
        chunk_files.move_up(out, self.out, None if self.cut.total == 1 else names[0])
        files.write_json(out / DONE, told)
        (out / folder.CHECKPOINT).unlink(missing_ok=True)

    def _solved(self, k: int, out: Path, callbacks: MakeCallbacks | None) -> Solution:
        plots = k == 0  # they take longer than all other files
        if (out / folder.EXPERIMENT).is_file() and (out / manifest.NAME).is_file():
            return session.resume(self.registry, out, callbacks, plots)
        shutil.rmtree(out, ignore_errors=True)  # a process died before the first step
        numbers = self.cut.numbers(k)
        experiment = self.source.named(self.experiment, numbers, out)
        if self.alone:
            return session.solve(experiment, self.registry, out, callbacks, plots=plots)
        return session.solve_prepared(
            experiment, self.registry, self.parts, self.data(numbers), out, callbacks, plots
        )

    def finish(self) -> dict[str, Any]:
        """Write the table of all pictures, when all chunks are finished.

        Returns:
            The table: ``solver``, ``seconds`` and ``images``, and besides ``returns``, ``complete``
            and what ``diverged``, in sentences.
        """
        told = [self.told(k) for k in range(len(self.cut))]
        for k in range(len(self.cut)):
            (self.folder(k) / folder.CHECKPOINT).unlink(missing_ok=True)
            chunk_files.sweep(self.folder(k))
        table = {
            "solver": str(self.experiment.solver),
            "seconds": sum(part.get("seconds", 0.0) for part in told),
            "images": [row for part in told for row in part["images"]],
        }
        files.write_json(self.out / "metrics.json", table)
        if (first := self.folder(0) / "summary.png").is_file():
            files.write_bytes(self.out / "summary.png", first.read_bytes())
        manifest.record(self.out, seconds=round(table["seconds"], 3), finished=manifest.now())
        returns = next((part["returns"] for part in told if "returns" in part), "estimate")
        diverged = [part["diverged"] for part in told if part.get("diverged")]
        complete = all(part.get("complete", False) for part in told)
        return {**table, "returns": returns, "complete": complete, "diverged": diverged}

    def told(self, k: int) -> dict[str, Any]:
        """What a finished chunk came to.

        Args:
            k: Its number, from 0.

        Returns:
            Its table.

        Raises:
            BadInput: If its file is damaged.
        """
        path = self.folder(k) / DONE
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return {**found, "images": list(found["images"])}
        except (OSError, ValueError, KeyError, TypeError):
            raise BadInput(
                f"{path} is damaged", f"remove {path.parent} and resume {self.out}"
            ) from None


def _told(solution: Solution) -> dict[str, Any]:
    return {
        "returns": solution.returns,
        "seconds": round(solution.seconds, 3),
        "complete": solution.complete,
        "steps": solution.steps,
        "interval": solution.interval.count,
        "images": [finite(row) for row in solution.metrics],
        "notices": list(solution.notices),
    }
