"""Total variation: Σ of the length of the gradient, over colours and both directions together.

Rudin, Osher, Fatemi, Nonlinear total variation based noise removal algorithms, Physica D 60, 1992;
for colours Bresson, Chan, Fast dual minimization of the vectorial total variation norm and
applications to color image processing, Inverse Problems and Imaging 2(4), 2008.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from invprob_classical.convex import LeastRegulariser
from invprob_classical.params import TotalVariationParams
from invprob_classical.primal_dual import Analysis


class TotalVariation(LeastRegulariser):
    """The image of least total variation that fits the measurement."""

    name = "tv"
    params_type = TotalVariationParams
    params: TotalVariationParams

    def analysis(self, shape: tuple[int, int, int]) -> Analysis:
        """The gradient.

        Args:
            shape: (C, H, W) of the images.

        Returns:
            The linear map and norm of the regulariser.
        """
        return Gradient()


class Gradient:
    """Forward differences, one part (B, 2, C, H, W), 0 at the lower and the right border."""

    square_norm = 8.0
    weights: Sequence[float] = (1.0,)

    def parts(self, x: Tensor) -> Iterator[Tensor]:
        p = x.new_zeros(len(x), 2, *x.shape[1:])
        p[:, 0, :, :-1] = x.diff(dim=2)
        p[:, 1, :, :, :-1] = x.diff(dim=3)
        yield p

    def adjoint(self, p: Sequence[Tensor]) -> Tensor:
        (whole,) = p
        down, right = whole[:, 0, :, :-1], whole[:, 1, :, :, :-1]
        x = torch.zeros_like(whole[:, 0])
        x[:, :, 1:] += down
        x[:, :, :-1] -= down
        x[:, :, :, 1:] += right
        x[:, :, :, :-1] -= right
        return x

    def magnitude(self, p: Tensor) -> Tensor:
        return p.square().sum((1, 2), keepdim=True).sqrt()
