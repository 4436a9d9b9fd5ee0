"""Chunks that several workers solve, in a folder that all of them see.

A worker writes the folder of its chunk itself, and dask gives the chunk of one that dies to
another, which goes on from the last checkpoint.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path

from invprob.config import allocator
from invprob.errors import InvprobError
from invprob.runs import chunk_plan, cluster, manifest
from invprob.runs.chunks import Chunks


def solve(
    chunks: Chunks, numbers: list[int], workers: int | None, scheduler: str | None
) -> Iterator[tuple[int, str]]:
    """Solve chunks.

    Args:
        chunks: The run, which has begun.
        numbers: The chunks that are solved.
        workers: How many processes are started here, if there is no scheduler.
        scheduler: The address of a running dask scheduler, or None.

    Yields:
        The number of a chunk, in the order in which they end, and why it is not finished; nothing
        if it is.

    Raises:
        InvprobError: If there are no workers.
    """
    with cluster.client(workers, scheduler) as client:
        from distributed import as_completed

        out, cores = str(chunks.out.absolute()), os.cpu_count() or 1
        threads = None if workers is None else max(1, cores // workers)
        began = str((manifest.read(chunks.out) or {}).get("started"))
        running = {client.submit(_solve, out, began, k, threads, pure=False): k for k in numbers}
        for future in as_completed(list(running)):
            try:
                reason = str(future.result())
            except Exception as error:  # what dask raises for a worker that died again and again
                reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            yield running.pop(future), reason
            future.release()


def _solve(out: str, began: str, k: int, threads: int | None) -> str:
    """Runs on a worker of dask: solve a chunk; why that is not possible, or nothing."""
    try:
        _opened(out, began, threads).solve(k)
    except InvprobError as error:
        return error.message
    return ""


@functools.lru_cache(maxsize=1)
def _opened(out: str, began: str, threads: int | None) -> Chunks:
    """The run of a folder, whose objects a worker makes once; a later one there began later."""
    os.environ.update(cluster.one_gpu())
    allocator.keep_freed()
    if threads is not None and "OMP_NUM_THREADS" not in os.environ:
        import torch

        torch.set_num_threads(threads)
    from invprob.config.registry import registry

    return chunk_plan.reopen(registry(), Path(out))
