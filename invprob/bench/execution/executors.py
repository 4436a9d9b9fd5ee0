"""Where cells are computed: in one process here, or in many through dask.distributed.

Results come back as they are finished; only the caller writes them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from invprob.bench.execution import protocol, transfer
from invprob.bench.execution.worker import Failed, Worker, request
from invprob.bench.grid import Cell
from invprob.runs import cluster

Answer = tuple[Cell, bytes | Failed]
Watch = Callable[[Cell, int, int], None]

AHEAD = 3
"""Cells that are sent for each worker: a request holds a picture and its measurement."""


def here(cells: Sequence[Cell], timeout: float, watch: Watch) -> Iterator[Answer]:
    """Compute cells one after the other, in one watched process.

    Args:
        cells: The cells.
        timeout: Seconds that a cell may take.
        watch: Called with a cell, its step and its steps.

    Yields:
        Each cell with its packed result, or with the reason why there is none.
    """
    with Worker(cells[0].threads) as worker:
        for cell in cells:

            def tell(step: int, total: int, cell: Cell = cell) -> None:
                watch(cell, step, total)

            try:
                yield cell, worker.solve(request(cell), timeout, tell)
            except Failed as failed:
                yield cell, failed


def on_cluster(
    cells: Sequence[Cell], timeout: float, workers: int | None, scheduler: str | None
) -> Iterator[Answer]:
    """Compute cells by dask.distributed, in the order in which they are finished.

    Args:
        cells: The cells.
        timeout: Seconds that a cell may take.
        workers: How many processes are started here; None for a scheduler that runs.
        scheduler: The address of that scheduler, ``tcp://HOST:PORT``.

    Yields:
        Each cell with its packed result, or with the reason why there is none.

    Raises:
        Incompatible: If dask.distributed is not installed.
        BadInput: If no scheduler answers.
    """
    threads = cells[0].threads
    with cluster.client(workers, scheduler) as client:
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        parcels = {}
        for given, path in sorted({p for c in cells for p in transfer.named(c.experiment).items()}):
            sha256, packed = transfer.pack(path)
            # by content: dask carries it to each worker once
            parcels[given] = (sha256, path.name, client.scatter(packed, hash=True))
        waiting, running, finished = iter(cells), dict[Any, Cell](), as_completed()

        def send() -> None:
            most = AHEAD * max(1, sum(client.nthreads().values()))
            for cell in islice(waiting, max(0, most - len(running))):
                own = {g: parcels[g] for g in transfer.named(cell.experiment)}
                future = client.submit(_compute, request(cell), timeout, threads, own, pure=False)
                running[future] = cell
                finished.add(future)

        send()
        for future in finished:
            cell = running.pop(future)
            send()
            try:
                kind, data = future.result()
                yield cell, data if kind == "R" else Failed(data.decode())
            except KilledWorker:
                yield cell, Failed("its worker died again and again")
            except Exception as error:
                yield cell, Failed(f"{type(error).__name__}: {error}")
            future.release()


_WORKERS: dict[tuple[int, int], Worker] = {}
"""By threads of the process, and by the thread of dask that asks: a worker has one pipe."""


def _compute(
    packed: bytes, timeout: float, threads: int, parcels: dict[str, tuple[str, str, bytes]]
) -> tuple[str, bytes]:
    """Runs on a worker of dask: a cell in a watched process of its own."""
    mine = threads, threading.get_ident()
    if mine not in _WORKERS:
        _WORKERS[mine] = Worker(threads, cluster.one_gpu())
    places = {
        given: str(transfer.arrive(sha256, data, name))
        for given, (sha256, name, data) in parcels.items()
    }
    told, rest = protocol.unpack(packed)
    told["experiment"] = transfer.rerouted(told["experiment"], places)
    try:
        return "R", _WORKERS[mine].solve(protocol.pack(told, rest), timeout)
    except Failed as failed:
        return "E", str(failed).encode()
