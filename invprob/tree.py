"""Trees: a tensor, or a frozen dataclass or tuple of trees. `None` is an absent leaf.

Latents and optimiser moments are trees, so one line serves an image and a StyleGAN latent alike.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Tree: TypeAlias = "Tensor | DataclassInstance | tuple[Tree, ...] | None"
"""The type of a tree whose kind is not known; what keeps the kind of its argument has `X`."""

X = TypeVar("X", bound="Tree")
"""The kind of a tree: a `Tensor`, a `Latent` of a generator, a tuple of trees."""


def map(f: Callable[..., Tensor], tree: X, *others: Tree) -> X:
    """Apply a function leaf by leaf.

    Args:
        f: From a leaf of each tree to a leaf.
        tree: The first tree.
        *others: Trees of its structure.

    Returns:
        A tree of the same structure; an absent leaf stays absent.

    Raises:
        TypeError: If something in the tree is neither a tree nor a tensor.
    """
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


def variables(tree: X) -> X:
    """Cut a tree off the graph of autograd, as variables of a new one.

    Args:
        tree: A tree.

    Returns:
        The same numbers; gradients can be taken with respect to every leaf.
    """
    return map(lambda leaf: leaf.detach().requires_grad_(), tree)


def items(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Walk through the leaves.

    Args:
        tree: A tree.
        prefix: What every name begins with; it names a bare tensor.

    Yields:
        The name of each leaf, as in ``noise.3``, and the leaf.

    Raises:
        TypeError: If something in the tree is neither a tree nor a tensor.
    """
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


def leaves(tree: Tree) -> list[Tensor]:
    """List the tensors.

    Args:
        tree: A tree.

    Returns:
        Its leaves in the order of `items`.
    """
    return [leaf for _, leaf in items(tree)]


def unflatten(like: X, new: list[Tensor]) -> X:
    """Put tensors into a structure.

    Args:
        like: A tree of the structure.
        new: Its leaves in the order of `leaves`.

    Returns:
        A tree like `like` with these leaves.
    """
    queue = iter(new)
    return map(lambda _: next(queue), like)


def batch(tree: Tree) -> int:
    """Count the batch elements.

    Args:
        tree: A tree with leaves (B, …).

    Returns:
        B.
    """
    return leaves(tree)[0].shape[0]


def dot(a: X, b: X) -> Tensor:
    """Compute the inner product over everything but the batch.

    Args:
        a: A tree with leaves (B, …).
        b: A tree like a.

    Returns:
        One number per batch element, (B,).
    """
    pairs = zip(leaves(a), leaves(b), strict=True)
    return torch.stack([(u * v).flatten(1).sum(1) for u, v in pairs]).sum(0)


def per_element(values: Tensor, leaf: Tensor) -> Tensor:
    """Shape one number per batch element so that it multiplies a leaf.

    Args:
        values: Numbers (B,).
        leaf: A leaf (B, …).

    Returns:
        The numbers as (B, 1, …, 1).
    """
    return values.reshape(-1, *[1] * (leaf.dim() - 1))


def detach(tree: X) -> X:
    """Cut a tree from the graph of autograd.

    Args:
        tree: A tree.

    Returns:
        A tree of the same values.
    """
    return map(lambda leaf: leaf.detach(), tree)


def repeat(tree: X, times: int) -> X:
    """Repeat each batch element.

    Args:
        tree: A tree with leaves (B, …).
        times: How often, ≥ 1.

    Returns:
        A tree with leaves (B · times, …); the copies of one element stand together. Once, it is
        the tree itself.
    """
    if times == 1:
        return tree
    return map(lambda leaf: leaf.repeat_interleave(times, 0), tree)


def cat(trees: list[X]) -> X:
    """Join trees along the batch.

    Args:
        trees: Trees of the same structure, at least one.

    Returns:
        A tree with all their batch elements, in order.
    """
    return map(lambda *parts: torch.cat(parts), trees[0], *trees[1:])


def where(mask: Tensor, a: X, b: X) -> X:
    """Choose between two trees, row by row.

    Args:
        mask: Truth values (B,).
        a: A tree with leaves (B, …).
        b: A tree like a.

    Returns:
        The rows of a where the mask holds, else those of b.
    """
    return map(lambda u, v: torch.where(per_element(mask, u), u, v), a, b)
