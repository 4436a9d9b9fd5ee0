"""Runs of many pictures in Python: chunk after chunk in this process, and what they came to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import Diverged
from invprob.io import chunked, lock
from invprob.runs import chunk_plan, folder
from invprob.runs.chunks import PLAN, Chunks
from invprob.runs.folder_solution import FolderSolution
from invprob.runs.in_memory import InMemoryInput
from invprob.runs.interruption import Interrupted
from invprob.runs.session import MakeCallbacks


def solve(
    experiment: ResolvedExperiment,
    registry: Registry,
    out: Path,
    callbacks: MakeCallbacks,
    given: InMemoryInput | None,
    batch: int | None,
) -> FolderSolution | None:
    """Solve what is too much for one batch.

    Args:
        experiment: What to solve.
        registry: Where components are looked up.
        out: The folder to write, new or empty.
        callbacks: Makes callbacks, of each chunk.
        given: What stands in for the files that the experiment would name.
        batch: Rows that are computed at a time, as in `chunk_size.choose`.

    Returns:
        What the run came to; None for a run that is one batch, of which nothing was written.

    Raises:
        InvprobError: If something cannot be used.
        Diverged: If a chunk has diverged; the others are finished.
        Interrupted: On Ctrl-C.
    """
    chunks = chunk_plan.cut(experiment, registry, batch, given=given)
    if chunks is None:
        return None
    with begun(chunks.in_folder(out)) as chunks:
        return _finished(chunks, callbacks)


def resume(registry: Registry, out: Path) -> FolderSolution | None:
    """Go on with a run in chunks.

    Args:
        registry: Where components are looked up.
        out: Its folder.

    Returns:
        What the run came to; None where it is not in chunks.

    Raises:
        InvprobError: If the folder cannot be resumed.
        Diverged: If a chunk has diverged; the others are finished.
        Interrupted: On Ctrl-C.
    """
    if not (out / PLAN).is_file():
        return None
    with lock.only(out):
        return _finished(reopened(registry, out))


@contextmanager
def begun(chunks: Chunks) -> Iterator[Chunks]:
    """Begin the folder of a run, and hold it while the block runs.

    Args:
        chunks: The run.

    Yields:
        The same run, which takes small files from its folder.

    Raises:
        InvprobError: If it cannot begin; nothing is written then.
    """
    new = folder.claim(chunks.out)
    with lock.only(chunks.out):
        try:
            chunks = chunks.begin()
        except BaseException:
            folder.withdraw(chunks.out, new)
            raise
        yield chunks


def reopened(registry: Registry, out: Path) -> Chunks:
    """Find the chunks of a run again, and look at the pictures of those that are left.

    Args:
        registry: Where components are looked up.
        out: The folder of the run.

    Returns:
        The chunks.

    Raises:
        InvprobError: If the folder cannot be resumed, or a picture is damaged.
    """
    chunks = chunk_plan.reopen(registry, out)
    for k in chunked.left(chunks):
        chunks.source.look(chunks.cut.numbers(k))
    return chunks


def _finished(chunks: Chunks, callbacks: MakeCallbacks | None = None) -> FolderSolution:
    try:
        for k in chunked.left(chunks):
            chunks.solve(k, callbacks)
    except Interrupted:
        raise Interrupted(chunks.out) from None
    solution = FolderSolution(chunks, chunks.finish())
    if solution.diverged:
        error = Diverged(solution.diverged, f"the other pictures are finished: {chunks.out}")
        error.solution = solution
        raise error
    return solution
