"""What a process has one of, and a component must leave as it is: how it is read and set back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def _numpy_state() -> tuple[Any, ...]:
    name, keys, *rest = np.random.get_state()
    return name, tuple(np.asarray(keys).tolist()), *rest


def _set_torch_state(state: tuple[int, ...]) -> None:
    torch.set_rng_state(torch.tensor(state, dtype=torch.uint8))


GLOBALS: Mapping[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "the state of torch's global generator": (
        lambda: tuple(torch.get_rng_state().tolist()),
        _set_torch_state,
    ),
    "the state of NumPy's global generator": (_numpy_state, np.random.set_state),
    "the state of Python's global generator": (random.getstate, random.setstate),
    "the default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "the number of threads": (torch.get_num_threads, torch.set_num_threads),
    "whether gradients are on": (torch.is_grad_enabled, torch.set_grad_enabled),
    "whether algorithms are deterministic": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
}
"""How each is read, as a value that ``==`` compares, and how it is set back."""

ODD = 271828
"""A seed that no component sets."""
THREADS = 7
"""A number of threads that none sets; sums of toys are too small to be shared among them."""


def read() -> dict[str, Any]:
    """Read all that is global.

    Returns:
        The values, by the names in `GLOBALS`.
    """
    return {name: value() for name, (value, _) in GLOBALS.items()}


def changed(before: Mapping[str, Any]) -> list[str]:
    """Name what is not as it was.

    Args:
        before: What `read` returned then.

    Returns:
        Names of `GLOBALS`.
    """
    now = read()
    return [name for name in GLOBALS if now[name] != before[name]]


@contextmanager
def kept() -> Iterator[None]:
    """Set back what changes within, so that what comes next does not see it."""
    before = read()
    try:
        yield
    finally:
        for name in changed(before):
            GLOBALS[name][1](before[name])


def set_apart() -> None:
    """Set seeds and threads to values of which a component that sets its own makes others.

    What is the same at every build would be there already when a check begins.
    """
    torch.default_generator.manual_seed(ODD)
    np.random.seed(ODD)
    random.seed(ODD)
    torch.set_num_threads(THREADS)
