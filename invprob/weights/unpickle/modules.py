"""Modules of PyTorch among the inert objects of a file: what their states hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from invprob.weights.unpickle.inert import Inert


def inside(module: Inert) -> dict[str, Any]:
    """List the modules of a module.

    Args:
        module: An object of a class that is not ours.

    Returns:
        Modules by name; none where it is not a module.
    """
    held = module.state.get("_modules") if isinstance(module.state, dict) else None
    return held if isinstance(held, dict) else {}


def walk(module: Inert, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk through a module and all in it.

    Args:
        module: The module.
        at: The prefix of its names.

    Yields:
        The prefix of the names and the state of each.
    """
    yield at, module.state if isinstance(module.state, dict) else {}
    for name, inner in inside(module).items():
        if isinstance(inner, Inert):
            yield from walk(inner, f"{at}{name}.")


def state_dict(states: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Collect parameters and lasting buffers, named as PyTorch does.

    Args:
        states: States of modules by prefix, as `walk` gives them.

    Returns:
        Tensors by name.
    """
    found: dict[str, Any] = {}
    for at, state in states.items():
        passing = state.get("_non_persistent_buffers_set")
        for part in ("_parameters", "_buffers"):
            held = state.get(part)
            for name, value in held.items() if isinstance(held, dict) else ():
                if value is not None and not (isinstance(passing, set) and name in passing):
                    found[f"{at}{name}"] = value
    return found
