"""How values are compared: relative to their own size, leaf by leaf."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.testing.check import require

SAME = 1e-5
"""Relative differences below this are rounding."""


def difference(a: Any, b: Any) -> float:
    """Compute the largest difference of two trees, leaf by leaf.

    Args:
        a: A tree.
        b: A tree of the same structure.

    Returns:
        |a − b| over the largest |b| (at least 10⁻³) of the leaf, ≥ 0; NaN equals NaN alone.

    Raises:
        Failed: If a leaf has another shape.
    """
    worst = 0.0
    for u, v in zip(tree.leaves(a), tree.leaves(b), strict=True):
        require(u.shape == v.shape, f"shapes {tuple(u.shape)} and {tuple(v.shape)}")
        if u.numel():
            gap = torch.where(u.isnan() & v.isnan(), 0, u - v).abs().nan_to_num(nan=torch.inf)
            worst = max(worst, float(gap.max() / v.abs().nan_to_num().max().clamp_min(1e-3)))
    return worst


def equal(a: Any, b: Any) -> bool:
    """Compare two trees bit by bit; NaN equals NaN.

    Args:
        a: A tree.
        b: A tree of the same structure.

    Returns:
        Whether all leaves have the same shapes and values.
    """
    pairs = list(zip(tree.leaves(a), tree.leaves(b), strict=True))
    return all((u.shape == v.shape and u.equal(v)) or _nan_equal(u, v) for u, v in pairs)


def _nan_equal(u: Tensor, v: Tensor) -> bool:
    return u.shape == v.shape and torch.allclose(u, v, rtol=0, atol=0, equal_nan=True)


def copied(x: Any) -> Any:
    """Copy a tree to memory of its own.

    Args:
        x: A tree.

    Returns:
        A tree of the same values.
    """
    return tree.map(torch.clone, x)


def row(x: Any, b: int) -> Any:
    """Take one row.

    Args:
        x: A tree with leaves (B, …).
        b: The row, 0 ≤ b < B.

    Returns:
        A tree with leaves (1, …).
    """
    return tree.map(lambda leaf: leaf[b : b + 1], x)


def noise_like(x: Any, *path: int | str) -> Any:
    """Draw standard normal numbers, the same at every call.

    Args:
        x: A tree with leaves (B, …).
        *path: What the numbers are for; see `invprob.seeds.normal`.

    Returns:
        A tree like x.
    """
    return tree.map(lambda leaf: seeds.normal(leaf.shape, range(len(leaf)), *path).to(leaf), x)


def slopes(f: Callable[[Any], Any], x: Any) -> tuple[Tensor, Tensor]:
    """Differentiate along a random direction v: g(x) is the row sum of f(x) with random weights.

    Args:
        f: A function from a batch to a batch.
        x: A tree with leaves (B, …), in double precision.

    Returns:
        ∂_v g by autograd and by central differences, each (B,).

    Raises:
        Failed: If f(x) does not depend on x for autograd.
    """
    v = noise_like(x, "direction")
    h = 1e-6
    with torch.enable_grad():
        leaf = tree.variables(x)
        value = f(leaf)
        weights = noise_like(tree.detach(value), "weights")
        total = tree.dot(_rows(value), _rows(weights)).sum()
        require(total.requires_grad, "the result does not depend on the input for autograd")
        grads = torch.autograd.grad(total, tree.leaves(leaf), allow_unused=True)
    inputs = tree.leaves(x)
    filled = [torch.zeros_like(u) if g is None else g for u, g in zip(inputs, grads, strict=True)]
    analytic = tree.dot(_rows(tree.unflatten(x, filled)), _rows(v))
    with torch.no_grad():
        ahead, behind = (
            tree.dot(_rows(f(tree.map(partial(torch.add, alpha=s), x, v))), _rows(weights))
            for s in (h, -h)
        )
    return analytic, (ahead - behind) / (2 * h)


def _rows(x: Any) -> Any:
    """Leaves (B, …) as (B, n)."""
    return tree.map(lambda leaf: leaf.reshape(len(leaf), -1), x)
