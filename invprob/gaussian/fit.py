"""Mean, principal components and remainder of many images.

The components are those of the sample covariance, found by subspace iteration from random ones
(Halko, Martinsson, Tropp, 2011, arXiv:0909.4061, algorithm 4.4), which never forms that matrix. The
remainder is the mean variance beside them, the maximum likelihood estimate of probabilistic
principal component analysis (Tipping & Bishop, 1999).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from invprob import seeds
from invprob.gaussian.factors import Factors

SPARE = 20
"""Directions followed besides those kept, which settle sooner for it."""
SMALLEST = 1e-12
"""Variance that a component has beyond the remainder, at least."""


class PrincipalComponents:
    """The components as they are found, pass by pass.

    Args:
        images: Gives all images, some at a time, (B, C, H, W) of floats; called once for the mean
            and once for each pass.
        shape: (C, H, W).
        rank: K, how many components are kept; fewer than images, and than values of an image.

    Attributes:
        total: The trace of the covariance; 0 before the first pass.
        explained: What part of it the components of the last pass have.
    """

    def __init__(
        self, images: Callable[[], Iterable[Tensor]], shape: tuple[int, ...], rank: int
    ) -> None:
        self.images, self.shape, self.rank = images, shape, rank
        values = math.prod(shape)
        mean, count = torch.zeros(values, dtype=torch.float64), 0
        for some in images():
            mean += some.flatten(1).double().sum(0)
            count += len(some)
        self.mean = (mean / count).float()
        rng = seeds.stream("gaussian", "directions")
        self._next = torch.randn(values, min(rank + SPARE, values), generator=rng)
        self.total = self.explained = 0.0

    def improve(self) -> None:
        """Go once through the images."""
        directions = torch.linalg.qr(self._next).Q
        image, total, count = torch.zeros_like(directions), 0.0, 0
        for some in self.images():
            rows = some.flatten(1) - self.mean
            image += rows.T @ (rows @ directions)
            total += float(rows.square().sum(dtype=torch.float64))
            count += len(rows)
        image, self.total = image / count, total / count
        variances, turn = torch.linalg.eigh(directions.T.double() @ image.double())
        order = variances.argsort(descending=True)[: self.rank]
        self._variances = variances[order]
        self._kept = directions.double() @ turn[:, order]
        self._next = image
        self.explained = float(self._variances.sum()) / self.total if self.total else 0.0

    def factors(self) -> Factors:
        """The Gaussian after the last pass, of which there was one."""
        rest = self.total * (1 - self.explained) / (math.prod(self.shape) - self.rank)
        return Factors(
            self.mean.reshape(self.shape),
            self._kept.T.reshape(-1, *self.shape),
            (self._variances - rest).clamp_min(SMALLEST),
            torch.tensor(rest),
        )
