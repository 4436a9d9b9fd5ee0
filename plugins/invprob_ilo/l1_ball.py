"""Projection on the l1 ball (Duchi et al., 2008, Efficient projections onto the l1-ball)."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from invprob import tree
from invprob.errors import Incompatible
from invprob.generator import Generator
from invprob.latents import stages
from invprob.prior import Proximal
from invprob.tree import Tree, X
from invprob_ilo.params import L1BallParams


class L1Ball(Proximal):
    """The indicator of ‖x‖₁ ≤ r·dim, for each leaf of a latent by itself.

    Args:
        r: The mean absolute value allowed, > 0, so that one number serves leaves of every size; the
            published radius 1000 for 512×4×4 features is r = 0.12.
        spread: A tree of one number per leaf, in which r is measured; None: r is in the units of
            the latent.

    Raises:
        BadParams: If r is not positive.
    """

    def __init__(self, r: float, spread: Tree = None) -> None:
        super().__init__()
        (self.r,) = L1BallParams.parse({"radii": (r,)}, "L1Ball").radii
        self.spread = spread

    @classmethod
    def from_params(cls, params: L1BallParams, generator: Generator | None, stage: int) -> Self:
        """The ball of a stage, as the registry makes it (see `invprob.plugin.PriorFactory`).

        Args:
            params: Radii of the stages 1, 2, …; the last serves the rest.
            generator: Whose latents they are; needed for radii in units of their spread.
            stage: The stage whose latents are projected.

        Returns:
            The prior.

        Raises:
            Incompatible: If radii are in units of a spread and there is no generator.
        """
        r = params.radii[min(max(stage - 1, 0), len(params.radii) - 1)]
        if params.unit == "latent":
            return cls(r)
        if generator is None:
            raise Incompatible(
                "l1-ball:unit=spread needs a generator, whose latents have the spread",
                "leave out unit=spread",
            )
        return cls(r, stages.moments(generator, stage)[1])

    def prox(self, x: X, tau: float = 1.0) -> X:
        if self.spread is None:
            return tree.map(lambda leaf: project(leaf, self.r * leaf[0].numel()), x)
        return tree.map(
            lambda leaf, s: project(leaf, self.r * float(s) * leaf[0].numel()), x, self.spread
        )


def project(x: Tensor, radius: float) -> Tensor:
    """The nearest point of the l1 ball, row by row (Duchi et al., 2008).

    Args:
        x: Rows (B, …).
        radius: The radius of the ball, > 0.

    Returns:
        A tensor like x.
    """
    flat = x.flatten(1)
    magnitude = flat.abs()
    ordered = magnitude.sort(1, descending=True).values
    excess = ordered.cumsum(1) - radius
    rank = torch.arange(1, flat.shape[1] + 1, device=x.device, dtype=x.dtype)
    kept = (ordered * rank > excess).sum(1, keepdim=True).clamp_min(1)
    threshold = (excess.gather(1, kept - 1) / kept).clamp_min(0)
    return (flat.sign() * (magnitude - threshold).clamp_min(0)).reshape(x.shape)
