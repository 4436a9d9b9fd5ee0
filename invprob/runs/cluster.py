"""Workers of dask.distributed: processes that are started here, or those of a running scheduler."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from invprob.errors import BadInput, Incompatible

QUIET = {"distributed.admin.tick.interval": "500ms", "distributed.worker.profile.enabled": False}
"""dask looks at each of its loops 50 times a second and at the work 100 times; with two workers on
two cores that is a twelfth of the time."""


@contextmanager
def client(workers: int | None, scheduler: str | None) -> Iterator[Any]:
    """A client of dask while the block runs.

    Args:
        workers: How many processes are started here, if there is no scheduler.
        scheduler: The address of a running scheduler, or None.

    Raises:
        Incompatible: If dask.distributed is not installed.
        BadInput: If no scheduler answers.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        raise Incompatible(
            "--workers and --scheduler need dask.distributed", "pip install 'invprob[dask]'"
        ) from None
    with ExitStack() as stack:
        if scheduler is None:
            place = tempfile.mkdtemp(prefix="invprob-dask-")
            stack.callback(shutil.rmtree, place, ignore_errors=True)
            stack.enter_context(dask.config.set(QUIET))
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
            found = stack.enter_context(Client(address))
        except (OSError, ValueError) as error:
            raise BadInput(
                f"no dask scheduler answers at {scheduler}: {error}", "start one: dask scheduler"
            ) from None
        yield found


def one_gpu() -> dict[str, str]:
    """Choose a GPU for the worker of dask that asks.

    Returns:
        Variables of the environment: where there are several GPUs, the one of the worker's number.
    """
    from distributed import get_worker

    number = get_worker().name
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    have = shown.split(",") if shown else [str(i) for i in range(_count_gpus())]
    if len(have) < 2 or not str(number).isdigit():
        return {}
    return {"CUDA_VISIBLE_DEVICES": have[int(number) % len(have)]}


def _count_gpus() -> int:
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
