"""U = −log p(y|G(u)) − log p(u) over the input of a generator, or over images without one."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from invprob import tree
from invprob.latents import stages
from invprob.numerics import mcmc
from invprob.prior import LogDensity
from invprob.problem import Problem
from invprob.tree import Tree


@dataclass(frozen=True)
class Point(mcmc.Point):
    """A chain's place with its image (N, C, H, W) and its −log p(y|image), (N,)."""

    image: Tensor = field(kw_only=True)
    nll: Tensor = field(kw_only=True)


def posterior(problem: Problem, u: Tree, solver: str) -> Point:
    """Compute U and ∇U, in one pass forwards and one backwards.

    Args:
        problem: The problem, with N rows.
        u: A tree with N rows.
        solver: The name of the solver, for messages.

    Returns:
        The point; its energy is U.

    Raises:
        Incompatible: If the prior does not have a density.
        Diverged: If no row has a finite value.
    """
    prior: LogDensity = problem.prior(0, LogDensity, solver)
    with torch.enable_grad():
        leaf = tree.variables(u)
        image = problem.generator(leaf)
        nll = -problem.operator.log_likelihood(problem.y, image)
        energy = nll - prior.log_density(leaf)
        g = stages.gradient(energy, leaf)
    return Point(u, g, energy.detach(), image=image.detach(), nll=nll.detach())


def likelihood(problem: Problem, u: Tree) -> Point:
    """Compute −log p(y|G(u)) alone, in one pass forwards.

    Args:
        problem: The problem, with N rows.
        u: A tree with N rows.

    Returns:
        The point, without a gradient; its energy is −log p(y|G(u)).
    """
    image = problem.generator(u)
    nll = -problem.operator.log_likelihood(problem.y, image)
    return Point(u, None, nll, image=image, nll=nll)
