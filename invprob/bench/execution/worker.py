"""A process that computes cells for us, watched: it may raise, hang, or die, and is replaced."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from invprob.bench.execution import protocol
from invprob.bench.grid import Cell
from invprob.config import process

Tell = Callable[[int, int], None]
LOADING = 300.0
"""Seconds until a cell must begin: to start a process, import torch and load the models."""
LONGEST = 3600.0
"""Seconds of one wait; a system call takes no more than some weeks."""
DEATHS = 2
"""How often a cell's process may die under it before the cell is given up."""


class _Outdated(Exception):
    """The process has other sources than the cell is for; says of what."""


class Failed(Exception):
    """A cell without a result, and the reason."""


def request(cell: Cell) -> bytes:
    """Pack what a worker must know of a cell; no paths but those of weights.

    Args:
        cell: The cell.

    Returns:
        The packed request.
    """
    told = {
        "experiment": cell.experiment.model_dump(mode="json"),
        "models": cell.models,
        "sketch": list(cell.sketch),
        "threads": cell.threads,
        "code": {name: told for name, told in cell.code if name != "torch"},
    }
    return protocol.pack(told, cell.measured.pack())


class Worker:
    """One such process, started when it is first asked.

    Args:
        threads: Threads of the process.
        environment: Variables that it gets besides those of this process.
    """

    def __init__(self, threads: int, environment: dict[str, str] | None = None) -> None:
        told = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self._environment = {**os.environ, **process.waiting(), **told, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def solve(self, packed: bytes, timeout: float, tell: Tell = lambda *_: None) -> bytes:
        """Compute a cell.

        Args:
            packed: The packed request.
            timeout: Seconds, counted once the models are loaded, which may take `LOADING`.
            tell: Called with the step and the number of steps.

        Returns:
            The packed cell.

        Raises:
            Failed: If there is no result, with the reason.
        """
        for death in range(DEATHS):
            try:
                return self._ask(packed, timeout, tell)
            except (EOFError, BrokenPipeError):
                status = self._process.wait() if self._process else None
                self.close()
                if death + 1 == DEATHS:
                    raise Failed(f"its process died twice (status {status})") from None
            except _Outdated as outdated:  # a process of before a change of the sources
                self.close()
                if death + 1 == DEATHS:
                    raise Failed(f"the worker has another {outdated}") from None
        raise AssertionError

    def _ask(self, packed: bytes, timeout: float, tell: Tell) -> bytes:
        running = self._running()
        assert running.stdin is not None
        assert running.stdout is not None
        protocol.send(running.stdin, b"J", packed)  # type: ignore[arg-type]
        ends, loaded = time.monotonic() + max(LOADING, timeout), False
        with selectors.DefaultSelector() as waiting:
            waiting.register(running.stdout, selectors.EVENT_READ)
            while True:
                left = max(0.0, ends - time.monotonic())
                if not waiting.select(min(left, LONGEST)):
                    if left > LONGEST:
                        continue
                    self.close()
                    said = f"timed out after {timeout:g} s"
                    raise Failed(said if loaded else f"its models took over {LOADING:g} s to load")
                frame = protocol.receive(running.stdout)  # type: ignore[arg-type]
                if frame is None:
                    raise EOFError
                kind, data = frame
                if kind == b"R":
                    return data
                if kind == b"E":
                    raise Failed(data.decode())
                if kind == b"O":
                    raise _Outdated(data.decode())
                if not loaded:
                    ends, loaded = time.monotonic() + timeout, True
                told, _ = protocol.unpack(data)
                tell(told["step"], told["total"])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "invprob.bench.execution.subprocess_worker"]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=self._environment,
                bufsize=0,
                start_new_session=True,
            )
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
