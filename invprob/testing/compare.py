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
    """The largest difference of two trees, relative to the largest value of the second; NaN is NaN,
    and no other number."""
    worst = 0.0
    for u, v in zip(tree.leaves(a), tree.leaves(b), strict=True):
        require(u.shape == v.shape, f"shapes {tuple(u.shape)} and {tuple(v.shape)}")
        if u.numel():
            gap = torch.where(u.isnan() & v.isnan(), 0, u - v).abs().nan_to_num(nan=torch.inf)
            worst = max(worst, float(gap.max() / v.abs().nan_to_num().max().clamp_min(1e-3)))
    return worst


def equal(a: Any, b: Any) -> bool:
    """Whether two trees are the same bit by bit (NaN is NaN)."""
    pairs = list(zip(tree.leaves(a), tree.leaves(b), strict=True))
    return all((u.shape == v.shape and u.equal(v)) or _nan_equal(u, v) for u, v in pairs)


def _nan_equal(u: Tensor, v: Tensor) -> bool:
    return u.shape == v.shape and torch.allclose(u, v, rtol=0, atol=0, equal_nan=True)


def copied(x: Any) -> Any:
    """A tree of the same values in memory of its own."""
    return tree.map(torch.clone, x)


def row(x: Any, b: int) -> Any:
    """Row b of a tree, as a batch of one."""
    return tree.map(lambda leaf: leaf[b : b + 1], x)


def noise_like(x: Any, *path: int | str) -> Any:
    """Standard normal numbers in a tree like x."""
    return tree.map(lambda leaf: seeds.normal(leaf.shape, range(len(leaf)), *path).to(leaf), x)


def slopes(f: Callable[[Any], Any], x: Any) -> tuple[Tensor, Tensor]:
    """(∂_v g by autograd, by central differences), each (B,), for a random direction v, where g is
    f weighed by random numbers and summed row by row."""
    v = noise_like(x, "direction")
    h = 1e-6
    with torch.enable_grad():
        leaf = tree.map(lambda u: u.detach().requires_grad_(), x)
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
