"""A tree that can be walked: not too deep, no cycles, no more ways through it than steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from invprob.safe.inert import Inert
from invprob.safe.limits import DEPTH, STEPS, Refused


def check(tree: Any) -> None:
    """Raises `Refused`; takes a time linear in what was built, whatever refers to what."""
    known: dict[int, tuple[int, int]] = {}  # (depth, nodes met by who walks it) of a container
    path: dict[int, None] = {}
    stack = [(tree, False)]
    while stack:
        node, done = stack.pop()
        children = _children(node)
        if children is None or id(node) in known:
            continue
        if done:
            del path[id(node)]
            below = [known.get(id(child), (0, 1)) for child in children]
            depth = 1 + max((d for d, _ in below), default=0)
            nodes = 1 + sum(n for _, n in below)
            if depth > DEPTH:
                raise Refused(f"it nests containers more than {DEPTH} deep")
            if nodes > STEPS:
                raise Refused("it refers to the same things again and again")
            known[id(node)] = depth, nodes
        elif id(node) in path:
            raise Refused("it has a container that holds itself")
        else:
            path[id(node)] = None
            stack.append((node, True))
            stack.extend((child, False) for child in children)


def _children(node: Any) -> Iterable[Any] | None:
    """What a container holds; None for what is no container."""
    if isinstance(node, dict):
        return node.values()
    if isinstance(node, (list, tuple)):
        return node
    return (node.state,) if isinstance(node, Inert) else None
