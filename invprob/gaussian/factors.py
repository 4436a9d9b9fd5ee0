"""A Gaussian over images as mean, components and an isotropic remainder.

    C = Wᵀ diag(e) W + r I        W: orthonormal rows, e: what their variances exceed r by

This is the form of probabilistic principal component analysis (Tipping & Bishop, Probabilistic
principal component analysis, Journal of the Royal Statistical Society B 61(3), 1999).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Factors:
    """N(mean, C) over images of n values.

    Attributes:
        mean: (C, H, W), in units of [0, 1].
        components: W, orthonormal, (K, C, H, W).
        excess: e > 0, (K,).
        rest: r > 0, a scalar tensor.
    """

    mean: Tensor
    components: Tensor
    excess: Tensor
    rest: Tensor

    def to(self, like: Tensor) -> Factors:
        """The same on the device and in the precision of a tensor.

        Args:
            like: The tensor.

        Returns:
            New factors.
        """
        return Factors(*(part.to(like) for part in vars(self).values()))

    def draw(self, rng: torch.Generator) -> Tensor:
        """Draw an image.

        Args:
            rng: The generator of the random numbers, on the CPU.

        Returns:
            One image (C, H, W).
        """
        along = self.excess.sqrt() * torch.randn(len(self.excess), generator=rng).to(self.mean)
        beside = self.rest.sqrt() * torch.randn(self.mean.shape, generator=rng).to(self.mean)
        return self.mean + beside + torch.einsum("k,kchw->chw", along, self.components)


def in_bytes(components: Tensor) -> Tensor:
    """Components with 8 bits a value, for a file.

    Rounding turns a component by about a hundredth, which is far below the remainder.

    Args:
        components: (K, C, H, W).

    Returns:
        The same, each scaled to a largest value of 127, as int8.
    """
    largest = components.flatten(1).abs().amax(1)[:, None, None, None]
    return (components / largest * 127).round().to(torch.int8)
