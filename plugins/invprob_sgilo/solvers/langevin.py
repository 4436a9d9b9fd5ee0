"""What SGILO's Langevin dynamics needs besides `invprob.numerics.mcmc`: a preconditioner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from invprob import tree
from invprob.latents import stages
from invprob.numerics import mcmc
from invprob.operator import Operator

FIRST = 0.1
"""The step size before it is adapted: P makes the curvature of the data term about 1."""

ADAPTING = 5
"""Moves that the step size needs to come down from `FIRST` to where chains are stable."""

HOPELESS = 1e-3
"""Proposals below this acceptance are rejected, so that a too large step cannot diverge. In
equilibrium at the default target acceptance this is one proposal in some thousands."""


@dataclass(frozen=True)
class Point(mcmc.Point):
    """A chain's place with its image (N, C, H, W)."""

    image: Tensor = field(kw_only=True)


def fisher_probe(
    A: Operator, image_of: Callable[[Any], Tensor], u: Any, rngs: list[torch.Generator]
) -> tuple[Any, Tensor]:
    """Square ∇ log p(y'|u) for one fresh y' ~ p(y|u).

    Its mean over many probes is the diagonal of the Fisher information of y about u: for Gaussian
    noise the diagonal of JᵀJ/σ², J the Jacobian of A∘G.

    Args:
        A: The operator with its noise.
        image_of: From a tree like u to images (N, C, H, W).
        u: A tree with N rows.
        rngs: A random generator for each row.

    Returns:
        The squares, a tree like u, and the images at u.
    """
    with torch.enable_grad():
        leaf = tree.map(lambda v: v.detach().requires_grad_(), u)
        image = image_of(leaf)
        clean = A(image)
        rows = zip(clean.detach().cpu(), rngs, strict=True)
        y = torch.stack([A.noise.sample(row, rng) for row, rng in rows]).to(clean)
        slope = stages.gradient(A.noise.log_prob(y, clean), leaf)
    return tree.map(torch.square, slope), image.detach()
