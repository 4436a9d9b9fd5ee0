"""A run of any number of pictures in bounded memory: cut into chunks, each a run of its own.

The rows of a solver are independent, so a chunk gives what the whole batch would give, up to the
rounding of sums that torch arranges by the size of a batch. In the folder of such a run,
``chunks/`` holds the folders of the chunks, whose pictures move up when a chunk is finished. A
process that dies leaves finished chunks as they are, and a begun one at its last checkpoint.
"""

from __future__ import annotations

import dataclasses
import json
import os
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
from invprob.io.framing import Framing
from invprob.io.images import ImageFile
from invprob.io.json_text import finite
from invprob.runs import build, folder, inputs, kept_files, manifest, room, session, settle
from invprob.runs.build import Parts
from invprob.runs.session import MakeCallbacks
from invprob.runs.solution import Solution

PLAN, FOLDER, DONE = "chunks.json", "chunks", "done.json"


@dataclass(frozen=True)
class Chunks:
    """The chunks of a run.

    Attributes:
        out: The folder of the run.
        experiment: What to solve.
        registry: Where its components are looked up.
        files: All pictures.
        size: How many of them a chunk has, the last one at most.
    """

    out: Path
    experiment: ResolvedExperiment
    registry: Registry
    files: tuple[ImageFile, ...]
    size: int

    def __len__(self) -> int:
        return -(-len(self.files) // self.size)

    @cached_property
    def framing(self) -> Framing:
        """What is done with pictures of another size."""
        return Framing.of(self.experiment, frozenset(file.size() for file in self.files))

    @cached_property
    def parts(self) -> Parts:
        """The objects that all chunks share."""
        shape = inputs.shape_of(self.files[0].read(3))
        return build.parts(self.experiment, self.registry, shape, self.framing)

    def folder(self, k: int) -> Path:
        """The folder of a chunk.

        Args:
            k: Its number, from 0.

        Returns:
            A path, which may not exist.
        """
        return self.out / FOLDER / f"{k:05d}"

    def left(self) -> list[int]:
        """The numbers of the chunks that are not finished."""
        return [k for k in range(len(self)) if not (self.folder(k) / DONE).is_file()]

    def count(self, k: int) -> int:
        """How many pictures a chunk has.

        Args:
            k: Its number, from 0.

        Returns:
            At least 1.
        """
        return len(self._own(k))

    def of_size(self, size: int) -> Chunks:
        """The same run in chunks of so many pictures; its objects are kept."""
        return self._changed(size=size)

    def in_folder(self, out: Path) -> Chunks:
        """The same run in another folder; its objects are kept."""
        return self._changed(out=out)

    def _changed(self, **fields: Any) -> Chunks:
        other = dataclasses.replace(self, **fields)
        for name in ("framing", "parts"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    def begin(self) -> Chunks:
        """Write what `reopen` needs, after a picture of each size was tried.

        Returns:
            The same run, which takes small files such as masks from its folder from now on.

        Raises:
            InvprobError: If the objects cannot be made, pictures cannot be used, or the files of
                the whole run would not find room.
        """
        each = {file.size(): file for file in self.files}
        context = self._tried([*each.values()])
        room.check(self.out, context, len(self.files) / len(each))
        settled = settle.Settled(chosen=settle.chosen(self.parts))
        experiment = settled.applied(self.experiment, None)
        kept = kept_files.keep(self.out, experiment, self.registry)
        files.write_text(self.out / folder.EXPERIMENT, experiment.to_toml())
        facts = {"files": kept, "chunks": len(self), "settled": settled.facts(self.experiment)}
        manifest.write(self.out, context, experiment, self.registry, **facts)
        # last: a folder with a plan can be resumed
        sources = [str(paths.expand(path).absolute()) for path in self.experiment.images]
        names = {"names": [file.name for file in self.files]}
        files.write_json(self.out / PLAN, {"size": self.size, "images": sources, **names})
        found = kept_files.found_again(self.out, experiment, self.registry, facts)
        return self._changed(experiment=found)

    def check_unchanged(self, facts: Mapping[str, Any]) -> None:
        """Refuse to go on with other weights or another mask than the run began with.

        Args:
            facts: The manifest of the run.

        Raises:
            InvprobError: If a component has other numbers.
        """
        manifest.check_unchanged(facts, self.out, self._tried(self.files[:1]).problem)

    def _tried(self, chosen: Sequence[ImageFile]) -> CallbackContext:
        """A run of some pictures that does not begin; what is wrong with it shows here."""
        experiment, solver = self.experiment, self.parts.solver
        data = inputs.degraded(self.parts, chosen, self.framing, experiment)
        problem = self.parts.problem(data.y, experiment.samples, experiment.seed)
        return CallbackContext(solver, problem, 0, solver.total(problem), self.out)

    def solve(self, k: int, callbacks: MakeCallbacks | None = None) -> None:
        """Solve a chunk, or go on with it, and move its pictures up.

        Args:
            k: Its number, from 0.
            callbacks: Makes callbacks besides those of the experiment.

        Raises:
            InvprobError: If its pictures cannot be used. A chunk that diverges is finished.
            Interrupted: On Ctrl-C.
        """
        out = self.folder(k)
        names = [file.name for file in self._own(k)]
        try:
            solution = self._solved(k, out, callbacks)
            told = _told(solution)
        except Diverged as error:
            known = {} if error.solution is None else _told(error.solution)
            told = known or {"images": [{"image": name} for name in names]}
            told["diverged"] = f"{error.message} ({error.hint})" if error.hint else error.message
        out.mkdir(parents=True, exist_ok=True)
        _sweep(out)
        for place in (path for path in out.iterdir() if path.is_dir()):
            if place.name != settle.FOLDER:
                (self.out / place.name).mkdir(exist_ok=True)
                for picture in place.iterdir():
                    os.replace(picture, self.out / place.name / picture.name)
                place.rmdir()
        alone = out / "restored.png"
        if alone.is_file():
            place = self.out if len(self.files) == 1 else self.out / "restored"
            place.mkdir(exist_ok=True)
            os.replace(alone, place / (alone.name if place == self.out else f"{names[0]}.png"))
        files.write_json(out / DONE, told)
        (out / folder.CHECKPOINT).unlink(missing_ok=True)

    def _solved(self, k: int, out: Path, callbacks: MakeCallbacks | None) -> Solution:
        plots = k == 0  # they take longer than all other files
        if (out / folder.EXPERIMENT).is_file() and (out / manifest.NAME).is_file():
            return session.resume(self.registry, out, callbacks, plots)
        shutil.rmtree(out, ignore_errors=True)  # a process died before the first step
        chosen, experiment = self._own(k), self.experiment
        data = inputs.degraded(self.parts, chosen, self.framing, experiment)
        if all(file.member is None for file in chosen):
            # each folder names its own pictures: all of them in each would grow with the square
            own = tuple(str(file.path.absolute()) for file in chosen)
            experiment = experiment.model_copy(update={"images": own, "limit": None})
        return session.solve_prepared(
            experiment, self.registry, self.parts, data, out, callbacks, plots
        )

    def _own(self, k: int) -> tuple[ImageFile, ...]:
        return self.files[k * self.size : (k + 1) * self.size]

    def finish(self) -> dict[str, Any]:
        """Write the table of all pictures, when all chunks are finished.

        Returns:
            The table: ``solver``, ``seconds`` and ``images``, and besides ``returns``, ``complete``
            and what ``diverged``, in sentences.
        """
        told = [self.told(k) for k in range(len(self))]
        for k in range(len(self)):
            (self.folder(k) / folder.CHECKPOINT).unlink(missing_ok=True)
            _sweep(self.folder(k))
        table = {
            "solver": str(self.experiment.solver),
            "seconds": sum(part.get("seconds", 0.0) for part in told),
            "images": [row for part in told for row in part["images"]],
        }
        files.write_json(self.out / "metrics.json", table)
        if (first := self.folder(0) / "summary.png").is_file():
            files.write_bytes(self.out / "summary.png", first.read_bytes())
        ended = {"seconds": round(table["seconds"], 3), "finished": manifest.now()}
        manifest.record(self.out, **ended)
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


def _sweep(out: Path) -> None:
    """Remove what processes that died were writing."""
    for part in out.rglob(".*.part"):
        part.unlink()


def _told(solution: Solution) -> dict[str, Any]:
    return {
        "returns": solution.returns,
        "seconds": round(solution.seconds, 3),
        "complete": solution.complete,
        "images": [finite(row) for row in solution.metrics],
        "notices": list(solution.notices),
    }
