"""The data term of plug-and-play methods: the image that explains y best and stays near z.

argmin_x −log p(y | x) + ‖x − z‖²/(2 τ²)
"""

from __future__ import annotations

import torch
from torch import Tensor

from invprob import tree
from invprob.numerics import lbfgs, linalg
from invprob.operator import LinearOperator, Operator, with_white_noise

LONGEST = 0.1
"""The largest root mean square of one step of L-BFGS, in units of [0, 1]."""
MEMORY = 8
RTOL = 2e-6
"""Of the residual of `fill`; float32 resolves no less."""


def solve(A: Operator, y: Tensor, z: Tensor, tau: float | Tensor, inner: int) -> Tensor:
    """Find the image.

    Linear operators with white noise have their own `prox`; for others, and other noises, it is
    found by L-BFGS from z on their exact likelihood.

    Args:
        A: The operator with its noise.
        y: Measurements (B, …).
        z: Images (B, C, H, W).
        tau: How far the image may be from z, in units of [0, 1], one for all or (B,).
        inner: Steps of L-BFGS.

    Returns:
        Images (B, C, H, W).
    """
    reach = torch.as_tensor(tau, dtype=torch.float64, device="cpu").expand(len(y))
    if (known := with_white_noise(A)) is not None:
        linear, sigma = known
        return linear.prox(z, y, tree.per_element(((reach / sigma) ** 2).to(y), y))
    weight = (1 / (2 * reach**2)).to(z)
    now = lbfgs.start(z)
    for _ in range(inner):
        with torch.enable_grad():
            x = now.trial.detach().requires_grad_()
            gap = (x - z).square().flatten(1).sum(1)
            value = weight * gap - A.log_likelihood(y, x)
            (g,) = torch.autograd.grad(value.sum(), x)
        now = lbfgs.step(now, value.detach(), g, LONGEST, LONGEST, MEMORY)
    found: Tensor = now.x
    return found


def smooth(A: Operator, y: Tensor) -> Tensor:
    """A first guess: the smoothest image that explains a measurement.

    Args:
        A: The operator with its noise.
        y: Measurements (B, …).

    Returns:
        argmin_x Σ (A x − y)² + w ‖∇x‖² with a small w for linear operators, (B, C, H, W); mid grey
        for others.
    """
    grey = torch.full((len(y), *A.in_shape), 0.5).to(y)
    if not isinstance(A, LinearOperator):
        return grey
    return fill(A, y, grey)


def fill(A: LinearOperator, y: Tensor, start: Tensor) -> Tensor:
    """Solve (Aᵀ A + w ∇ᵀ∇) x = Aᵀ y by conjugate gradients.

    In a hole w ∇ᵀ∇ stands alone and is small. Pixels that A does not see are scaled up, and the
    residual must get small enough to count there, so that holes take the colour of their rims.

    Args:
        A: The operator.
        y: Measurements (B, …).
        start: Where to begin, (B, C, H, W).

    Returns:
        Images (B, C, H, W).
    """
    white = A(torch.ones_like(start[:1]))
    weight = 1e-2 * float(white.abs().mean()) ** 2
    seen = A.adjoint(white).abs()
    scale = torch.where(seen > 1e-6 * seen.amax(), seen.mean(), 0.0) + 4 * weight
    return linalg.conjugate_gradients(
        lambda x: A.adjoint(A(x)) + weight * roughness(x),
        A.adjoint(y),
        start,
        precondition=lambda r: r / scale,
        steps=600,
        rtol=RTOL,
    )


def roughness(x: Tensor) -> Tensor:
    """∇ᵀ∇ x, the negative Laplacian with free borders.

    Args:
        x: Images (B, C, H, W).

    Returns:
        Images (B, C, H, W).
    """
    out = torch.zeros_like(x)
    for dim in (2, 3):
        step = x.diff(dim=dim)
        first, last = torch.zeros_like(x.narrow(dim, 0, 1)), torch.zeros_like(x.narrow(dim, 0, 1))
        out = out - torch.cat([step, last], dim) + torch.cat([first, step], dim)
    return out
