"""Trees: a tensor, or a frozen dataclass or tuple of trees. `None` is an absent leaf.

Latents and optimiser moments are trees, so one line serves an image and a StyleGAN latent alike.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

X = TypeVar("X")


def map(f: Callable[..., Tensor], tree: X, *others: X) -> X:
    """f applied leaf by leaf; all trees have the structure of the first."""
    return cast(X, _map(f, tree, *others))


def _map(f: Callable[..., Tensor], tree: Any, *others: Any) -> Any:
    if tree is None:
        return None
    if isinstance(tree, Tensor):
        return f(tree, *others)
    if isinstance(tree, tuple):
        return tuple(_map(f, *parts) for parts in zip(tree, *others, strict=True))
    if dataclasses.is_dataclass(tree):
        names = [field.name for field in dataclasses.fields(tree)]
        return dataclasses.replace(
            cast(Any, tree),
            **{n: _map(f, getattr(tree, n), *(getattr(o, n) for o in others)) for n in names},
        )
    raise TypeError(f"not a tree of tensors: {type(tree).__name__}")


def items(tree: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """The leaves with their names, as in ``noise.3``; a bare tensor is named by the prefix."""
    if tree is None:
        return
    if isinstance(tree, Tensor):
        yield prefix, tree
    elif isinstance(tree, tuple):
        for i, part in enumerate(tree):
            yield from items(part, f"{prefix}.{i}" if prefix else str(i))
    elif dataclasses.is_dataclass(tree):
        for field in dataclasses.fields(tree):
            name = f"{prefix}.{field.name}" if prefix else field.name
            yield from items(getattr(tree, field.name), name)
    else:
        raise TypeError(f"not a tree of tensors: {type(tree).__name__}")


def leaves(tree: Any) -> list[Tensor]:
    """The tensors, in the order of `items`."""
    return [leaf for _, leaf in items(tree)]


def unflatten(like: X, new: list[Tensor]) -> X:
    """A tree of the structure of `like` with the tensors of `new`, in the order of `leaves`."""
    queue = iter(new)
    return map(lambda _: next(queue), like)


def batch(tree: Any) -> int:
    """The number of batch elements."""
    return leaves(tree)[0].shape[0]


def dot(a: X, b: X) -> Tensor:
    """The inner product over everything but the batch, of shape (B,)."""
    pairs = zip(leaves(a), leaves(b), strict=True)
    return torch.stack([(u * v).flatten(1).sum(1) for u, v in pairs]).sum(0)


def per_element(values: Tensor, leaf: Tensor) -> Tensor:
    """`values` of shape (B,) shaped to multiply a leaf of shape (B, …)."""
    return values.reshape(-1, *[1] * (leaf.dim() - 1))


def detach(tree: X) -> X:
    """The same values, cut from the graph."""
    return map(lambda leaf: leaf.detach(), tree)


def repeat(tree: X, times: int) -> X:
    """Each batch element `times` times in a row: (B, …) → (B·times, …)."""
    return map(lambda leaf: leaf.repeat_interleave(times, 0), tree)


def cat(trees: list[X]) -> X:
    """Trees of the same structure joined along the batch."""
    return map(lambda *parts: torch.cat(parts), trees[0], *trees[1:])


def where(mask: Tensor, a: X, b: X) -> X:
    """Row by row a where `mask` (B,) holds, else b."""
    return map(lambda u, v: torch.where(per_element(mask, u), u, v), a, b)
