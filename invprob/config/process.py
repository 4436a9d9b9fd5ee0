"""What the command line sets for its whole process before torch is imported; the library does not.

Threads of OpenMP that wait for the next parallel region spin by default, for seconds with GNU's
library. On a core that another process uses, this makes a step 18 to 26 times as long; threads that
sleep at once make it a quarter longer on an idle machine. They spin for some 0.1 ms here, which is
as long as most gaps between two regions (benchmarks/performance/bench_threads.py).
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from invprob.config import allocator

SPIN = "2000"
"""Turns of the loop in which a thread waits before it sleeps."""

OWN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables with which a user says how threads wait."""


def prepare() -> None:
    """Keep freed memory, see `allocator`, and bound the time that idle threads spin.

    To be called before torch is imported.
    """
    allocator.keep_freed()
    os.environ.update(waiting())


@contextmanager
def loading() -> Iterator[None]:
    """Import torch without a search for garbage, which takes a seventh of the time.

    What is imported then is left out of later searches too. Where torch is there already, nothing
    is different, since other objects of that process could never be freed.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def waiting() -> dict[str, str]:
    """Variables of the environment that bound the time for which idle threads spin.

    Returns:
        Names and values for a process that has not started, or has not imported torch; none where
        the user has said how threads wait.
    """
    return {} if any(name in os.environ for name in OWN) else {"GOMP_SPINCOUNT": SPIN}
