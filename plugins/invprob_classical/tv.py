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

BAND = 2**16
"""So many values of an image are in a band of rows, or it is one row: what is computed of a band
stays in the cache of a core, and is small beside the image."""


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
        return Gradient(shape)


class Gradient:
    """Forward differences, 0 at the lower and the right border, in bands of rows (B, 2, C, h, W).

    Args:
        shape: (C, H, W) of the images.
        band: Values of an image in a band, which has one row at least.
    """

    square_norm = 8.0

    def __init__(self, shape: tuple[int, int, int], band: int = BAND) -> None:
        channels, height, width = shape
        rows = max(1, band // (channels * width))
        self.bands = [(top, min(top + rows, height)) for top in range(0, height, rows)]
        self.weights: Sequence[float] = [1.0] * len(self.bands)

    def parts(self, x: Tensor) -> Iterator[Tensor]:
        for top, bottom in self.bands:
            band, below = x[:, :, top:bottom], x[:, :, top + 1 : bottom + 1]
            p = x.new_zeros(len(x), 2, *band.shape[1:])
            torch.sub(below, band[:, :, : below.shape[2]], out=p[:, 0, :, : below.shape[2]])
            torch.sub(band[..., 1:], band[..., :-1], out=p[:, 1, ..., :-1])
            yield p

    def adjoint(self, p: Sequence[Tensor]) -> Tensor:
        x = p[0].new_zeros(len(p[0]), p[0].shape[2], self.bands[-1][1], p[0].shape[4])
        for part, (top, bottom) in zip(p, self.bands, strict=True):
            band, below = x[:, :, top:bottom], x[:, :, top + 1 : bottom + 1]
            down, right = part[:, 0, :, : below.shape[2]], part[:, 1, ..., :-1]
            below += down
            band[:, :, : below.shape[2]] -= down
            band[..., 1:] += right
            band[..., :-1] -= right
        return x

    def magnitude(self, p: Tensor) -> Tensor:
        return p.square().sum((1, 2), keepdim=True).sqrt()
