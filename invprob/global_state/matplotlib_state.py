"""matplotlib without the settings of the user: its own style, no window, no words on stderr.

A matplotlibrc with LaTeX, a font that is not there or a backend of a notebook would otherwise end a
run when all is computed. Whoever imports this module before matplotlib, or before what imports it,
gets one that works; the settings of a script stay as they are for the script.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

# without a handler, Python shows its warnings of fonts and caches on stderr
logging.getLogger("matplotlib").addHandler(logging.NullHandler())

PLAIN = {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
"""Variables under which matplotlib reads nothing of the user's but a matplotlibrc in the working
directory, which comes first."""


@contextmanager
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in PLAIN}
    os.environ.update(PLAIN)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        import matplotlib
    except (ImportError, ValueError, OSError):  # a backend or a matplotlibrc that cannot be used
        # what it had imported by then would not be found again
        for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            del sys.modules[name]
        with _environment(), contextlib.chdir(Path(__file__).parent):
            import matplotlib


@contextmanager
def standard(settings: Mapping[Any, Any] = MappingProxyType({})) -> Iterator[None]:
    """Draw and save in matplotlib's own style; afterwards the settings are as they were.

    Args:
        settings: What differs from it.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # glyphs that a font lacks
        stack.enter_context(matplotlib.rc_context())
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        yield
