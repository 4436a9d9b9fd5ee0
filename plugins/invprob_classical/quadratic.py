"""The factors of a prior whose log density is quadratic, found from its gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from invprob import seeds
from invprob.errors import Incompatible
from invprob.gaussian.factors import Factors
from invprob.prior import LogDensity

LARGEST = 1024
"""Values of an image of which a covariance matrix is computed."""
ALIKE = 1e-6
"""Relative difference of gradients, and of variances, that counts as none."""


def of_density(prior: LogDensity[Tensor], shape: tuple[int, int, int]) -> Factors:
    """Find the factors of a prior from its log density, which must be quadratic.

    Args:
        prior: The prior.
        shape: (C, H, W) of the images that it is over.

    Returns:
        The factors, in double precision.

    Raises:
        Incompatible: If the density is not that of a Gaussian, or an image has more than `LARGEST`
            values.
    """
    name, n = type(prior).__name__, math.prod(shape)
    if n > LARGEST:
        raise Incompatible(
            f"the covariance of {name} over {n} image values is too large to be computed",
            "use a prior gaussian-images, which has it in factors",
        )

    def slope(flat: Tensor) -> Tensor:
        with torch.enable_grad():
            x = flat.detach().reshape(-1, *shape).requires_grad_()
            (grad,) = torch.autograd.grad(prior.log_density(x).sum(), x)
        return grad.flatten(1)

    origin = torch.full((1, n), 0.5, dtype=torch.float64)
    at_origin = slope(origin)
    precision = at_origin - slope(origin + torch.eye(n, dtype=torch.float64))
    variances, axes = torch.linalg.eigh(torch.linalg.pinv((precision + precision.T) / 2))
    rng = seeds.stream("gaussian", "probes")
    probes = 3 * variances.abs().max().sqrt() * torch.randn(8, n, generator=rng).double()
    expected = at_origin - probes @ precision
    gap = (slope(origin + probes) - expected).norm() / expected.norm()
    if not bool(gap < ALIKE and variances[0] > 0):
        raise Incompatible(
            f"gaussian needs a Gaussian prior, and the log density of {name} is not quadratic",
            "use a prior gaussian-images",
        )
    mean = origin + torch.linalg.solve(precision, at_origin[0])
    rest = variances[0]
    kept = variances > rest * (1 + ALIKE)
    components = axes.T[kept].reshape(-1, *shape)
    return Factors(mean.reshape(shape), components, variances[kept] - rest, rest)
