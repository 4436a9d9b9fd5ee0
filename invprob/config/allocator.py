"""The memory that tensors use and free is kept for the next ones.

glibc gives every freed block of more than some megabytes back to the kernel, which has to find and
clear its pages anew when the next layer asks for as much: a fifth to a half of the time of a
StyleGAN-2 step (benchmarks/performance/bench_1024.py). This is a setting of the whole process, so
the command line makes it and the library does not.
"""

from __future__ import annotations

import os
import sys

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # names of mallopt(3)
KEPT, STEP = 2**31 - 1, 2**29
DASK = ("MALLOC_TRIM_THRESHOLD_", "65536")
"""What dask sets for every worker of its own accord: all that is freed goes back at once."""


def keep_freed() -> bool:
    """Keep up to 2 GiB of freed memory at the top of the heap; whether the allocator does.

    Only glibc is known to need it; its environment variables ``MALLOC_…`` have precedence where
    the user has set them.
    """
    own = any(
        name.startswith("MALLOC_") and name.endswith("_") and (name, value) != DASK
        for name, value in os.environ.items()
    )
    if not sys.platform.startswith("linux") or own or "GLIBC_TUNABLES" in os.environ:
        return False
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((MMAP_MAX, 0), (TRIM_THRESHOLD, KEPT), (TOP_PAD, STEP))
    return all(mallopt(name, value) == 1 for name, value in settings)
