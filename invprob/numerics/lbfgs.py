"""L-BFGS as a pure function on trees, every row by itself, one gradient a step.

Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989. There is no
line search: a step that makes the objective worse is taken back and tried shorter from where it
began. What is measured in 16 bits is noisy, so an objective counts as worse when it has risen by
more than `TOLERANCE` of itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor

from invprob import tree
from invprob.generator import X
from invprob.tree import Tree

TOLERANCE = 0.03
SHORTER = 0.3


Pair = tuple[Tree, Tree, Tensor]
"""A step s, the change y of the gradient along it, and 1/⟨s, y⟩ (N,); all 0 in rows where the
objective is not convex along s."""


@dataclass(frozen=True)
class Descent(Generic[X]):
    """A descent of N rows between two steps.

    Attributes:
        x: The best place so far, a tree with N rows.
        trial: The next place to look at, a tree like x.
        f: The objective at x, (N,).
        shortened: The factor by which steps are shortened, in (0, 1], (N,).
        g: The gradient at x, a tree like x; None before the first step.
        pairs: The latest steps with the changes of the gradient, oldest first.
    """

    x: X
    trial: X
    f: Tensor
    shortened: Tensor
    g: X | None = None
    pairs: tuple[Pair, ...] = ()


def start(x: X) -> Descent[X]:
    """Begin a descent.

    Args:
        x: Where to begin, a tree with N rows.

    Returns:
        A descent that looks at x first.
    """
    one = torch.ones(tree.batch(x), device=tree.leaves(x)[0].device)
    return Descent(x, x, torch.full_like(one, torch.inf), one)


def step(now: Descent[X], f: Tensor, g: X, first: float, longest: float, memory: int) -> Descent[X]:
    """Make one step.

    Args:
        now: The descent so far.
        f: The objective at `now.trial`, (N,).
        g: Its gradient there, a tree.
        first: The most that the first step changes a coordinate.
        longest: The largest root mean square of a step.
        memory: The number of pairs that are kept.

    Returns:
        The descent after the step; its `trial` is where to evaluate next.
    """
    good = f <= now.f + TOLERANCE * now.f.abs()
    pairs = now.pairs
    if now.g is not None:
        pairs = (*pairs, pair(tree.map(torch.sub, now.trial, now.x), tree.map(torch.sub, g, now.g)))
        g = tree.where(good, g, now.g)
    x = tree.where(good, now.trial, now.x)
    shortened = torch.where(good, 1.0, SHORTER * now.shortened)
    pairs = pairs[-memory:]
    d = direction(g, pairs, first)
    size = tree.dot(d, d) / sum(leaf[0].numel() for leaf in tree.leaves(d))
    length = shortened * (longest / size.sqrt().clamp_min(1e-12)).clamp_max(1.0)
    trial = tree.map(lambda a, b: a - tree.per_element(length, a) * b, x, d)
    return Descent(x, trial, torch.where(good, f, now.f), shortened, g, pairs)


def pair(s: X, y: X) -> Pair:
    """Keep s and y in rows where the objective is convex along s.

    Args:
        s: A step, a tree with N rows.
        y: The change of the gradient along it, a tree like s.

    Returns:
        s, y and 1/⟨s, y⟩ (N,), all 0 in the other rows.
    """
    sy = tree.dot(s, y)
    known = sy > 1e-10
    zero = tree.map(torch.zeros_like, s)
    rho = torch.where(known, 1 / sy, 0.0)
    return tree.where(known, s, zero), tree.where(known, y, zero), rho


def direction(g: X, pairs: tuple[Pair, ...], first: float) -> X:
    """Apply the inverse Hessian H that the pairs estimate; a step goes along −H g.

    Args:
        g: The gradient, a tree with N rows.
        pairs: Steps with the changes of the gradient along them, oldest first.
        first: The largest change of a coordinate in rows without a pair.

    Returns:
        H g, a tree like g.
    """
    largest = torch.stack([leaf.flatten(1).abs().amax(1) for leaf in tree.leaves(g)]).amax(0)
    scale = first / largest.clamp_min(1e-12)
    parts = []
    for s, y, rho in reversed(pairs):
        a = rho * tree.dot(s, g)
        g = _plus(g, -a, y)
        parts.append(a)
    for _, y, rho in pairs:
        scale = torch.where(rho > 0, 1 / (rho * tree.dot(y, y)).clamp_min(1e-12), scale)
    g = tree.map(lambda leaf: tree.per_element(scale, leaf) * leaf, g)
    for (s, y, rho), a in zip(pairs, reversed(parts), strict=True):
        g = _plus(g, a - rho * tree.dot(y, g), s)
    return g


def _plus(a: X, factor: Tensor, b: Tree) -> X:
    return tree.map(lambda u, v: u + tree.per_element(factor, u) * v, a, b)
