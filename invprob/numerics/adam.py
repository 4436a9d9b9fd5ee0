"""Adam as a pure function on trees, so that its moments are part of a solver's state."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from invprob import tree
from invprob.tree import Tree, X


@dataclass(frozen=True)
class Moments:
    """Running means of the gradient and of its square.

    Attributes:
        m: The mean of the gradient, a tree like x.
        v: The mean of its square, a tree like x.
        n: The number of steps behind them.
    """

    m: Tree
    v: Tree
    n: int = 0


def start(x: Tree) -> Moments:
    """Make the moments before the first step.

    Args:
        x: The tree to optimise.

    Returns:
        Moments of zeros, trees like x.
    """
    zero = tree.map(torch.zeros_like, x)
    return Moments(zero, zero)


def adam(
    x: X, grad: X, moments: Moments, lr: float, betas: tuple[float, float] = (0.9, 0.999)
) -> tuple[X, Moments]:
    """Make one step of Adam, element by element (Kingma and Ba, 2015, arXiv:1412.6980).

    Args:
        x: Where the descent is, a tree.
        grad: The gradient at x, a tree like x.
        moments: The moments of the steps before.
        lr: The step size.
        betas: Decay of the running means of the gradient and of its square, in [0, 1).

    Returns:
        x after the step, and the moments for the next one.
    """
    b1, b2 = betas
    n = moments.n + 1
    m = tree.map(lambda m, g: b1 * m + (1 - b1) * g, moments.m, grad)
    v = tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, moments.v, grad)

    def move(leaf: Tensor, m: Tensor, v: Tensor) -> Tensor:
        return leaf - lr * (m / (1 - b1**n)) / ((v / (1 - b2**n)).sqrt() + 1e-8)

    return tree.map(move, x, m, v), Moments(m, v, n)
