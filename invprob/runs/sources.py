"""What the pictures of a run in chunks come from: files to degrade, files of measurements, memory.

Files are read when their chunk is solved. What is in memory cannot be read again, so each chunk of
it has its measurement in its folder from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.io import survey
from invprob.io.framing import Framing
from invprob.io.images import ImageFile
from invprob.runs import build, folder, inputs, measured_inputs, settle, stored_data
from invprob.runs.build import Parts
from invprob.runs.data import Data, shape_of
from invprob.runs.in_memory import Picture

Size = tuple[int, int]
"""(height, width)."""


class Source(Protocol):
    """Where pictures come from."""

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each picture."""
        ...

    @property
    def in_memory(self) -> bool:
        """Whether they cannot be read again."""
        ...

    def sizes(self) -> dict[Size, int]:
        """The number of one picture of each size; none where there are no pictures."""
        ...

    def look(self, numbers: Sequence[int]) -> None:
        """Look whether pictures can be decoded; raise `BadInput` if one cannot."""
        ...

    def parts(self, experiment: ResolvedExperiment, registry: Registry) -> Parts:
        """The objects that all chunks share."""
        ...

    def data(self, parts: Parts, experiment: ResolvedExperiment, numbers: Sequence[int]) -> Data:
        """The measurements of some pictures."""
        ...

    def named(
        self, experiment: ResolvedExperiment, numbers: Sequence[int], out: Path
    ) -> ResolvedExperiment:
        """The experiment of some pictures, which names their files, or what is in their folder."""
        ...


@dataclass(frozen=True)
class ToDegrade:
    """Pictures that the operator measures.

    Attributes:
        files: The pictures.
        framing: What is done with those of another size.
    """

    files: tuple[ImageFile | Picture, ...]
    framing: Framing

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(file.name for file in self.files)

    @property
    def in_memory(self) -> bool:
        return isinstance(self.files[0], Picture)

    def sizes(self) -> dict[Size, int]:
        return {file.size(): i for i, file in enumerate(self.files)}

    def look(self, numbers: Sequence[int]) -> None:
        files = (self.files[i] for i in numbers)
        survey.sound(file for file in files if isinstance(file, ImageFile))

    def parts(self, experiment: ResolvedExperiment, registry: Registry) -> Parts:
        shape = shape_of(self.files[0].read(3))
        return build.parts(experiment, registry, shape, self.framing)

    def data(self, parts: Parts, experiment: ResolvedExperiment, numbers: Sequence[int]) -> Data:
        chosen = [self.files[i] for i in numbers]
        return inputs.degraded(parts, chosen, self.framing, experiment)

    def named(
        self, experiment: ResolvedExperiment, numbers: Sequence[int], out: Path
    ) -> ResolvedExperiment:
        chosen = [self.files[i] for i in numbers]
        # each folder names its own pictures: all of them in each would grow with the square
        own = [str(f.path.absolute()) for f in chosen if isinstance(f, ImageFile) and not f.member]
        if len(own) == len(chosen):
            return experiment.model_copy(update={"images": tuple(own), "limit": None})
        return _stored(experiment, out) if self.in_memory else experiment


@dataclass(frozen=True)
class Measured:
    """Files of measurements, one in each.

    Attributes:
        files: The files.
    """

    files: tuple[ImageFile, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(file.name for file in self.files)

    @property
    def in_memory(self) -> bool:
        return False

    def sizes(self) -> dict[Size, int]:
        return {
            size: i for i, file in enumerate(self.files) if (size := measured_inputs.size_of(file))
        }

    def look(self, numbers: Sequence[int]) -> None:
        measured_inputs.look([self.files[i] for i in numbers])

    def parts(self, experiment: ResolvedExperiment, registry: Registry) -> Parts:
        return measured_inputs.prepare(experiment, registry, self.files[:1])[0]

    def data(self, parts: Parts, experiment: ResolvedExperiment, numbers: Sequence[int]) -> Data:
        return measured_inputs.read(parts, [self.files[i] for i in numbers], experiment)

    def named(
        self, experiment: ResolvedExperiment, numbers: Sequence[int], out: Path
    ) -> ResolvedExperiment:
        if len(numbers) > 1:
            return _stored(experiment, out)
        path = str(self.files[numbers[0]].path.absolute())
        return experiment.model_copy(update={"measurement": path, "limit": None})


@dataclass(frozen=True)
class Numbers:
    """Measurements that are in memory, with the objects that were made for them.

    Attributes:
        made: The objects.
        whole: All measurements.
    """

    made: Parts
    whole: Data

    @property
    def names(self) -> tuple[str, ...]:
        return self.whole.names

    @property
    def in_memory(self) -> bool:
        return True

    def sizes(self) -> dict[Size, int]:
        return {(self.made.generator.image_shape[1], self.made.generator.image_shape[2]): 0}

    def look(self, numbers: Sequence[int]) -> None:
        """What is in memory was looked at."""

    def parts(self, experiment: ResolvedExperiment, registry: Registry) -> Parts:
        return self.made

    def data(self, parts: Parts, experiment: ResolvedExperiment, numbers: Sequence[int]) -> Data:
        return self.whole.some(numbers)

    def named(
        self, experiment: ResolvedExperiment, numbers: Sequence[int], out: Path
    ) -> ResolvedExperiment:
        return _stored(experiment, out)


@dataclass(frozen=True)
class Stored:
    """What was in memory once, as the folder of the run keeps it.

    Attributes:
        names: The name of each picture.
        size: How many pictures a chunk has.
        out: The folder of the run.
    """

    names: tuple[str, ...]
    size: int
    out: Path

    @property
    def in_memory(self) -> bool:
        return False

    @cached_property
    def _first(self) -> Data:
        return stored_data.read(kept_at(self.out, 0))

    def sizes(self) -> dict[Size, int]:
        shape = self._first.image_shape
        return {} if shape is None else {(shape[1], shape[2]): 0}

    def look(self, numbers: Sequence[int]) -> None:
        """What is stored has a digest."""

    def parts(self, experiment: ResolvedExperiment, registry: Registry) -> Parts:
        return build.parts(experiment, registry, self._first.image_shape)

    def data(self, parts: Parts, experiment: ResolvedExperiment, numbers: Sequence[int]) -> Data:
        k = numbers[0] // self.size
        kept = stored_data.read(kept_at(self.out, k))
        return kept.some([i - k * self.size for i in numbers])

    def named(
        self, experiment: ResolvedExperiment, numbers: Sequence[int], out: Path
    ) -> ResolvedExperiment:
        return _stored(experiment, out)


def kept_at(out: Path, k: int) -> Path:
    """Where a run keeps the measurements of a chunk that were in memory.

    Args:
        out: The folder of the run.
        k: The number of the chunk, from 0.

    Returns:
        A file.
    """
    return out / settle.FOLDER / f"measurement-{k:05d}.safetensors"


def _stored(experiment: ResolvedExperiment, out: Path) -> ResolvedExperiment:
    """The experiment with the measurements that its folder keeps."""
    kept = str((out / folder.MEASUREMENT).absolute())
    return experiment.model_copy(update={"measurement": kept, "images": (), "limit": None})
