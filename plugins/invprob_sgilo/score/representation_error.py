"""What images have beyond those that a generator makes of their latents, as a Gaussian.

A picture is G(u) + e, and e is not small: the images of a generator are a manifold of far fewer
dimensions than pictures have (the representation error of Bora et al., 2017, arXiv:1703.03208).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from invprob.errors import BadParams
from invprob.gaussian.factors import Factors, in_bytes
from invprob.gaussian.fit import PrincipalComponents

PASSES = 6
"""Over all images, to find the components."""
CHUNK, COMPONENTS = 512, 300


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


def rank(asked: int | None, count: int) -> int:
    """Choose how many components the error has.

    Args:
        asked: How many were asked for, if any.
        count: The pictures to learn from.

    Returns:
        The number; 300, or a quarter of the pictures if that is less, where none was asked for.

    Raises:
        BadParams: If the pictures are too few for it.
    """
    found = asked or max(1, min(COMPONENTS, count // 4))
    if found >= count - 1:
        raise BadParams(
            f"error_rank={found} components of {count} pictures",
            f"give one below {count - 1}, or more pictures",
        )
    return found


def fit(errors: Tensor, rank: int) -> Factors:
    """Fit a Gaussian to what pictures have beyond the images of their latents.

    Args:
        errors: The differences, (N, C, H, W).
        rank: How many components are kept.

    Returns:
        The Gaussian.
    """
    found = PrincipalComponents(
        lambda: (some.float() for some in torch.split(errors, CHUNK)), tuple(errors.shape[1:]), rank
    )
    for _ in range(PASSES):
        found.improve()
    return found.factors()
