"""The hint that the same command goes on."""

from __future__ import annotations

import shlex
import sys


def hint() -> str:
    """Say how to go on.

    Returns:
        A hint with the command line of this process.
    """
    return f"continue with: {shlex.join(['invprob', *sys.argv[1:]])}"
