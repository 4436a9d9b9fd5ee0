"""One process at a time in a folder that is written over a long time."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from invprob.errors import BadInput

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextlib.contextmanager
def only(out: Path) -> Iterator[None]:
    """Hold the folder while the block runs; raises `BadInput` if another process holds it.

    The system lets go of it when the process ends, however it ends. File systems that know no locks
    are used without.
    """
    with (out / ".lock").open("a") as file:
        try:
            _take(file)
        except BlockingIOError:
            raise BadInput(
                f"another process is writing to {out}", "wait for it, or stop it, and try again"
            ) from None
        except OSError:
            pass  # ENOLCK, ENOSYS: some network file systems
        yield


def _take(file: IO[str]) -> None:
    if sys.platform == "win32":
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError from error
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
