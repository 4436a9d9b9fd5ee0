"""The most memory that a stretch of work held, and what is free."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MACHINE, GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


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


def free(device: torch.device) -> float | None:
    """Tell how much memory is left.

    Args:
        device: Where tensors are made.

    Returns:
        Megabytes: on CUDA of the device, on Linux of the machine or of the control group, whichever
        is less; None where it is not known.
    """
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0] / 2**20)
    if device.type != "cpu" or not MACHINE.exists():
        return None
    lines = MACHINE.read_text().splitlines()
    left = [int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable")]
    with contextlib.suppress(OSError, ValueError):  # no control group, or one without a limit
        most, used = ((GROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        left.append((int(most) - int(used)) / 2**20)
    return min(left, default=None)
