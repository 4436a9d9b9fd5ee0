"""One process at a time in a folder that is written over a long time."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from invprob.errors import BadInput

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What some network file systems answer."""


@contextlib.contextmanager
def only(out: Path) -> Iterator[None]:
    """Hold a folder while the block runs.

    The system releases it when the process ends, however it ends. A file system without locks is
    used without.

    Args:
        out: The folder, which must exist; its file ``.lock`` stays there.

    Yields:
        None, when the folder is held.

    Raises:
        BadInput: If another process holds the folder.
        OSError: If the folder cannot be written to.
    """
    lock = FileLock(out / ".lock", timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise BadInput(
            f"another process is writing to {out}", "wait for it, or stop it, and try again"
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    try:
        yield
    finally:
        lock.release()
