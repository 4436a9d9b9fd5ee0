"""What images have beyond those that a generator makes of their latents, as a Gaussian.

A picture is G(u) + e, and e is not small: the images of a generator are a manifold of far fewer
dimensions than pictures have (the representation error of Bora et al., 2017, arXiv:1703.03208).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from invprob.gaussian.factors import Factors, in_bytes


class RepresentationError(nn.Module):
    """N(mean, C) of e, kept in the precision of a file of weights.

    Args:
        shape: The shape of its principal components, (K, C, H, W).
    """

    mean: Tensor
    components: Tensor
    spread: Tensor
    spread_beyond: Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(*shape[1:]))
        self.register_buffer("components", torch.zeros(*shape, dtype=torch.int8))
        self.register_buffer("spread", torch.ones(shape[0]))
        self.register_buffer("spread_beyond", torch.ones(()))

    def fill(self, found: Factors) -> None:
        """Take over a Gaussian.

        Args:
            found: The Gaussian, of as many components.
        """
        self.mean.copy_(found.mean)
        self.components.copy_(in_bytes(found.components))
        self.spread.copy_(found.excess.sqrt())
        self.spread_beyond.copy_(found.rest.sqrt())

    @property
    def factors(self) -> Factors:
        """The Gaussian."""
        rows = self.components.to(self.mean)
        length = rows.flatten(1).norm(dim=1)[:, None, None, None]
        return Factors(self.mean, rows / length, self.spread.square(), self.spread_beyond.square())
