"""A tree that can be walked: not too deep, no cycles, no more ways through it than steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from invprob.weights.unpickle.inert import Inert
from invprob.weights.unpickle.limits import DEPTH, STEPS, Refused
from invprob.weights.unpickle.storage import Storage

_LOOKED_AT = (dict, list, tuple, Inert, Storage)


def check(tree: Any) -> None:
    """Refuse a tree without an end; takes a time linear in what was built, whatever refers to what.

    Args:
        tree: What a pickle built.

    Raises:
        Refused: If it holds itself, is nested too deep, or refers to the same things again and
            again.
    """
    known: dict[int, int] = {}  # how many nodes someone meets who walks a container
    path: dict[int, None] = {}
    stack = [(tree, False)]
    while stack:
        node, done = stack.pop()
        if isinstance(node, Storage):
            raise Refused("it has a storage without a tensor")
        children = _children(node)
        if children is None or id(node) in known:
            continue
        if done:
            del path[id(node)]
            nodes = 1 + sum(known.get(id(child), 1) for child in children)
            if nodes > STEPS:
                raise Refused("it refers to the same things again and again")
            known[id(node)] = nodes
        elif id(node) in path:
            raise Refused("it has a container that holds itself")
        else:
            if len(path) == DEPTH:
                raise Refused(f"it nests containers more than {DEPTH} deep")
            path[id(node)] = None
            stack.append((node, True))
            stack.extend((child, False) for child in children if isinstance(child, _LOOKED_AT))


def _children(node: Any) -> Iterable[Any] | None:
    """What a container holds; None for what is not a container."""
    if isinstance(node, dict):
        return node.values()
    if isinstance(node, (list, tuple)):
        return node
    return (node.state,) if isinstance(node, Inert) else None
