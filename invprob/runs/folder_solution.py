"""What a run in chunks came to: its tensors stay in its folder until they are asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from invprob.analysis import chains, draws
from invprob.analysis.credible_intervals import Interval
from invprob.analysis.diagnostics import Diagnosis
from invprob.analysis.draws import Drawn
from invprob.errors import BadInput
from invprob.io import tensor_files
from invprob.runs import folder, pooling, stored_data, trace_file
from invprob.runs.chunks import Chunks
from invprob.runs.data import Data
from invprob.runs.solution import Solution


class FolderSolution(Solution):
    """The reconstructions of many pictures.

    It has all that a `Solution` has. A tensor is read, of all pictures, when it is asked for;
    iterate over the solution, chunk after chunk, where all of them do not fit in memory.

    Args:
        chunks: The run, which is finished.
        table: What `Chunks.finish` returned.
    """

    def __init__(self, chunks: Chunks, table: dict[str, Any]) -> None:
        told = [chunks.told(k) for k in range(len(chunks.cut))]
        self.__dict__.update(
            _chunks=chunks,
            names=chunks.source.names,
            metrics=table["images"],
            steps=max(part.get("steps", 0) for part in told),
            complete=table["complete"],
            seconds=table["seconds"],
            solver=chunks.parts.solver,
            operator=chunks.parts.operator,
            experiment=chunks.experiment,
            out=chunks.out,
            diverged="; ".join(table["diverged"]),
            notices=tuple(text for part in told for text in part.get("notices", ())),
        )

    def __iter__(self) -> Iterator[Solution]:
        """The solution of one chunk after another, read from its folder."""
        for k in range(len(self.chunks.cut)):
            yield _read(self.chunks, k)

    @property
    def chunks(self) -> Chunks:
        """The run."""
        found: Chunks = self.__dict__["_chunks"]
        return found

    @cached_property
    def _measured(self) -> list[Data]:
        places = map(self.chunks.folder, range(len(self.chunks.cut)))
        return [stored_data.read(place / folder.MEASUREMENT) for place in places]

    @cached_property
    def y(self) -> Tensor:
        return torch.cat([part.y for part in self._measured])

    @cached_property
    def truth(self) -> Tensor | None:
        known = [part.truth for part in self._measured if part.truth is not None]
        return torch.cat(known) if known else None

    @cached_property
    def samples(self) -> Tensor:
        return self._tensors("samples")

    @cached_property
    def mean(self) -> Tensor:
        return self._tensors("mean")

    @cached_property
    def std(self) -> Tensor:
        return self._tensors("std")

    @cached_property
    def interval(self) -> Interval:
        told = [self.chunks.told(k) for k in range(len(self.chunks.cut))]
        return _interval(self._tensors, min(part.get("interval", 1) for part in told))

    def _tensors(self, name: str) -> Tensor:
        return torch.cat([_arrays(self.chunks, k)[name] for k in range(len(self.chunks.cut))])

    @cached_property
    def draws(self) -> Drawn | None:
        found = [part.draws for part in self]
        have = [part for part in found if part is not None]
        first = have[0] if have else None
        if first is None or len(have) < len(found):
            return None
        if any(part.steps.tolist() != first.steps.tolist() for part in have):
            return None  # a chunk was stopped before the others
        judged = [part.chi2 for part in have if part.chi2 is not None]
        return dataclasses.replace(
            first,
            values=torch.cat([part.values for part in have]),
            images=torch.cat([part.images for part in have]),
            chi2=torch.cat(judged) if len(judged) == len(have) else None,
        )

    @cached_property
    def diagnostics(self) -> list[Diagnosis]:
        return [found for part in self for found in part.diagnostics]

    @cached_property
    def pixel_r_hat(self) -> Tensor | None:
        found = [part.pixel_r_hat for part in self]
        have = [part for part in found if part is not None]
        return torch.cat(have) if have and len(have) == len(found) else None

    @cached_property
    def trace(self) -> list[dict[str, Any]]:
        rows, first = [], 0
        for part in self:
            rows += [{**row, "chain": row["chain"] + first} for row in part.trace]
            first += part.samples.shape[0] * part.samples.shape[1]
        return rows

    def __repr__(self) -> str:
        samples, chunks = self.chunks.experiment.samples, len(self.chunks.cut)
        what = f"{len(self.names)} × {samples} {self.returns}s by {self.title}"
        return f"<Solution: {what}, {self.seconds:.1f} s, in {chunks} chunks, {self.out}>"


def _arrays(chunks: Chunks, k: int) -> dict[str, Tensor]:
    path = chunks.folder(k) / folder.RESULT
    if not path.is_file():
        why = chunks.told(k).get("diverged") or "it is gone"
        raise BadInput(f"chunk {k} of {chunks.out} has no results: {why}", "leave its pictures out")
    return tensor_files.read(path)[0]


def _interval(quantile: Callable[[str], Tensor], count: int) -> Interval:
    return Interval(quantile("lower"), quantile("median"), quantile("upper"), count)


def _read(chunks: Chunks, k: int) -> Solution:
    """The solution of a chunk, from its folder."""
    out, told, arrays = chunks.folder(k), chunks.told(k), _arrays(chunks, k)
    data, steps = stored_data.read(out / folder.MEASUREMENT), told.get("steps", 0)
    found, rows = draws.read(out / folder.DRAWS), trace_file.read(out, steps)[0]
    images, samples = arrays["samples"].shape[:2]
    return Solution(
        names=data.names,
        y=data.y,
        truth=data.truth,
        samples=arrays["samples"],
        mean=arrays["mean"],
        std=arrays["std"],
        interval=_interval(arrays.__getitem__, told.get("interval", 1)),
        metrics=told["images"],
        draws=found,
        diagnostics=pooling.judge(found, data.y[0].numel(), rows, images, samples),
        pixel_r_hat=None if found is None else chains.pixel_r_hats(found.images),
        trace=rows,
        steps=steps,
        complete=told.get("complete", False),
        seconds=told.get("seconds", 0.0),
        solver=chunks.parts.solver,
        operator=chunks.parts.operator,
        experiment=chunks.experiment,
        out=out,
        diverged=told.get("diverged", ""),
        notices=tuple(told.get("notices", ())),
    )
