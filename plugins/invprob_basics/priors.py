"""Elementary priors: the normal distribution, and the sphere on which it concentrates."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from invprob import tree
from invprob.diffusion import schedules
from invprob.params import Configurable
from invprob.prior import LogDensity, Proximal, Score
from invprob.tree import Tree, X
from invprob_basics.params import GaussianPriorParams, SphereParams


class Gaussian(Configurable, LogDensity, Score, Proximal):
    """N(mean, std²) on every coordinate of every leaf, with everything in closed form.

    Raises:
        BadParams: If `std` is not positive.
    """

    params_type = GaussianPriorParams
    positional = ("mean", "std")
    params: GaussianPriorParams

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self.mean, self.std = self.params.mean, self.params.std

    def log_density(self, x: Tree) -> Tensor:
        centred = tree.map(lambda leaf: (leaf - self.mean) / self.std, x)
        return -0.5 * tree.dot(centred, centred)

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return schedules.vp(t)

    def score(self, x: X, t: Tensor) -> X:
        alpha, sigma = self.schedule(t)
        variance = (alpha * self.std) ** 2 + sigma**2

        def leaf_score(leaf: Tensor) -> Tensor:
            mean = self.mean * tree.per_element(alpha, leaf)
            return (mean - leaf) / tree.per_element(variance, leaf)

        return tree.map(leaf_score, x)

    def prox(self, x: X, tau: float = 1.0) -> X:
        weight = self.std**2 / (self.std**2 + tau)
        return tree.map(lambda leaf: self.mean + weight * (leaf - self.mean), x)


class Sphere(Configurable, Proximal):
    """The indicator of ‖c‖ = √dim for every code c, i.e. along the last axis of a leaf (B, …, dim).

    A map (B, C, H, W) is one vector as a whole. Projection moves along the ray from 0.
    """

    params_type = SphereParams

    def prox(self, x: X, tau: float = 1.0) -> X:
        return tree.map(_project, x)


def _project(leaf: Tensor) -> Tensor:
    axes = (1, 2, 3) if leaf.dim() == 4 else (-1,)
    size = math.prod(leaf.shape[axis] for axis in axes)
    norm = leaf.square().sum(axes, keepdim=True).sqrt().clamp_min(1e-12)
    return leaf * (math.sqrt(size) / norm)
