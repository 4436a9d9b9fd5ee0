"""The most memory that a stretch of work held."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Peak:
    """A context; afterwards `megabytes` is the peak of the process, on CUDA that of the device.

    Linux can forget an earlier peak; elsewhere the figure is that of the process so far.

    Args:
        device: The device whose memory counts.
    """

    megabytes = 0.0

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"

    def __enter__(self) -> Self:
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        elif RESET.exists():
            RESET.write_text("5")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._cuda:
            self.megabytes = torch.cuda.max_memory_allocated() / 2**20
        elif STATUS.exists():
            lines = STATUS.read_text().splitlines()
            (line,) = (line for line in lines if line.startswith("VmHWM"))
            self.megabytes = int(line.split()[1]) / 1024
        else:
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            self.megabytes = most / 2**20 if sys.platform == "darwin" else most / 1024
