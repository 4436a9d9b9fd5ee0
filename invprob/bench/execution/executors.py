"""Where cells are computed: in one process here, or in many through dask.distributed.

Results come back as they are finished; only the caller writes them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from invprob.bench.execution import protocol, transfer
from invprob.bench.execution.worker import Failed, Worker, request
from invprob.bench.grid import Cell
from invprob.errors import BadInput, Incompatible

Answer = tuple[Cell, bytes | Failed]
Watch = Callable[[Cell, int, int], None]


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
    try:
        from distributed import Client, LocalCluster, as_completed
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise Incompatible(
            "--workers and --scheduler need dask.distributed", "pip install 'invprob[dask]'"
        ) from None
    threads = cells[0].threads
    with ExitStack() as stack:
        if scheduler is None:
            place = tempfile.mkdtemp(prefix="invprob-dask-")
            stack.callback(shutil.rmtree, place, ignore_errors=True)
            address: Any = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address=None,
                    local_directory=place,
                )
            )
        else:
            address = scheduler
        try:
            client = stack.enter_context(Client(address))
        except (OSError, ValueError) as error:
            raise BadInput(
                f"no dask scheduler answers at {scheduler}: {error}", "start one: dask scheduler"
            ) from None
        parcels = {}
        for given, path in sorted({p for c in cells for p in transfer.named(c.experiment).items()}):
            sha256, packed = transfer.pack(path)
            # by content: dask carries it to each worker once
            parcels[given] = (sha256, path.name, client.scatter(packed, hash=True))
        running = {}
        for cell in cells:
            own = {g: parcels[g] for g in transfer.named(cell.experiment)}
            future = client.submit(_compute, request(cell), timeout, threads, own, pure=False)
            running[future] = cell
        for future in as_completed(list(running)):
            cell = running.pop(future)
            try:
                kind, data = future.result()
                yield cell, data if kind == "R" else Failed(data.decode())
            except KilledWorker:
                yield cell, Failed("its worker died again and again")
            except Exception as error:
                yield cell, Failed(f"{type(error).__name__}: {error}")
            future.release()


_WORKERS: dict[int, Worker] = {}


def _compute(
    packed: bytes, timeout: float, threads: int, parcels: dict[str, tuple[str, str, bytes]]
) -> tuple[str, bytes]:
    """Runs on a worker of dask: a cell in a watched process of its own."""
    if threads not in _WORKERS:
        _WORKERS[threads] = Worker(threads, _one_gpu())
    places = {
        given: str(transfer.arrive(sha256, data, name))
        for given, (sha256, name, data) in parcels.items()
    }
    told, rest = protocol.unpack(packed)
    told["experiment"] = transfer.rerouted(told["experiment"], places)
    try:
        return "R", _WORKERS[threads].solve(protocol.pack(told, rest), timeout)
    except Failed as failed:
        return "E", str(failed).encode()


def _one_gpu() -> dict[str, str]:
    """Where there are several GPUs, the one of this worker's number."""
    from distributed import get_worker

    number = get_worker().name
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    have = shown.split(",") if shown else [str(i) for i in range(_count_gpus())]
    if len(have) < 2 or not str(number).isdigit():
        return {}
    return {"CUDA_VISIBLE_DEVICES": have[int(number) % len(have)]}


def _count_gpus() -> int:
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
