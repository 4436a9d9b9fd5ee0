"""Linear algebra on batches, matrix free."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).flatten(1).sum(1).reshape(-1, *[1] * (a.dim() - 1))


def cgls(forward: Map, adjoint: Map, y: Tensor, steps: int = 1000, rtol: float = 1e-12) -> Tensor:
    """Solve A x = y by conjugate gradients on AᵀA, from 0 (Hestenes and Stiefel, 1952).

    Batch elements are solved side by side and stop one by one.

    Args:
        forward: A, from (B, …) to (B, …).
        adjoint: Aᵀ.
        y: The right-hand sides, (B, …).
        steps: The most iterations.
        rtol: An element stops once ‖Aᵀr‖ is below this part of what it was at first.

    Returns:
        x (B, …), the least-squares solution of least norm.
    """
    r = y.clone()
    s = adjoint(r)
    x = torch.zeros_like(s)
    p = s
    gamma = _dot(s, s)
    rtol = max(rtol, 10 * torch.finfo(y.dtype).eps)
    floor = gamma * rtol**2
    for _ in range(steps):
        going = gamma > floor
        if not bool(going.any()):
            break
        q = forward(p)
        curvature = _dot(q, q)
        a = torch.where(
            going & (curvature.reshape(gamma.shape) > 0),
            gamma / curvature.reshape(gamma.shape).clamp_min(torch.finfo(y.dtype).tiny),
            torch.zeros_like(gamma),
        )
        x = x + a * p
        r = r - a.reshape(-1, *[1] * (y.dim() - 1)) * q
        s = adjoint(r)
        fresh = _dot(s, s)
        beta = fresh / gamma.clamp_min(torch.finfo(y.dtype).tiny)
        p = s + beta * p
        gamma = torch.where(going, fresh, gamma)
    return x


def conjugate_gradients(
    matrix: Map,
    b: Tensor,
    start: Tensor | None = None,
    precondition: Map = lambda r: r,
    steps: int = 1000,
    rtol: float = 1e-12,
    atol: float = math.inf,
) -> Tensor:
    """Solve M x = b for a positive definite M (Hestenes and Stiefel, 1952).

    Batch elements are solved side by side and stop one by one.

    Args:
        matrix: M, from (B, …) to (B, …).
        b: The right-hand sides, (B, …).
        start: Where to begin, (B, …); None: at 0.
        precondition: A positive definite map close to M⁻¹.
        steps: The most iterations.
        rtol: An element stops once ‖b − M x‖ is below this part of ‖b‖, or of its precision, and
        atol: the root mean square of b − M x, in the norm of the precondition, is below this. For
            M ≥ 1, and a precondition that is close, that of the error of x is so as well.

    Returns:
        x (B, …).
    """
    tiny = torch.finfo(b.dtype).tiny
    energy = math.prod(b.shape[1:]) * atol**2
    x = torch.zeros_like(b) if start is None else start
    r = b if start is None else b - matrix(start)
    p = s = precondition(r)
    gamma = _dot(r, s)
    floor = _dot(b, b) * max(rtol, 10 * torch.finfo(b.dtype).eps) ** 2
    for _ in range(steps):
        going = (_dot(r, r) > floor) | (gamma > energy)
        if not bool(going.any()):
            break
        q = matrix(p)
        curvature = _dot(p, q)
        a = torch.where(going & (curvature > 0), gamma / curvature.clamp_min(tiny), 0)
        x = x + a * p
        r = r - a * q
        s = precondition(r)
        fresh = _dot(r, s)
        p = s + fresh / gamma.clamp_min(tiny) * p
        gamma = torch.where(going, fresh, gamma)
    return x


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that a factorisation does not depend on their number.

    LAPACK cuts a matrix up by the number of threads, and its sums then round in another order.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
