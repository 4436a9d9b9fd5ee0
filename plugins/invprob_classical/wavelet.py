"""Wavelet details of an image in all its shifts: an orthogonal transform with cycle spinning.

    R(x) = mean over shifts S of ‖W S x‖₁ = Σ_j 2^(−j) ‖d_j‖₁

d_j are the details at scale j of the transform without decimation, whose filters have the norm ½
along each axis (Coifman & Donoho, Translation-invariant de-noising, 1995; the filters are those of
Daubechies, 1988). Every shift counts alike, so that no block shows. The image goes on at the other
side of its border. The mean of an image, or its coarsest scale, is free.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from invprob.errors import BadParams
from invprob_classical.convex import LeastRegulariser
from invprob_classical.params import WaveletParams
from invprob_classical.primal_dual import Analysis

_R3, _R10 = math.sqrt(3), math.sqrt(10)
_R = math.sqrt(5 + 2 * _R10)
TAPS = {
    "haar": (1.0, 1.0),
    "db2": tuple(v / 4 for v in (1 + _R3, 3 + _R3, 3 - _R3, 1 - _R3)),
    "db3": tuple(
        v / 16
        for v in (
            1 + _R10 + _R,
            5 + _R10 + 3 * _R,
            10 - 2 * _R10 + 2 * _R,
            10 - 2 * _R10 - 2 * _R,
            5 + _R10 - 3 * _R,
            1 + _R10 - _R,
        )
    ),
}
"""Low-pass filters h of sum 2 and square norm 2."""


class Wavelet(LeastRegulariser):
    """The image of least wavelet details that fits the measurement."""

    name = "wavelet"
    params_type = WaveletParams
    params: WaveletParams

    def analysis(self, shape: tuple[int, int, int]) -> Analysis:
        """The details.

        Args:
            shape: (C, H, W) of the images.

        Returns:
            The linear map and norm of the regulariser.
        """
        most = max(1, int(math.log2(min(shape[1:]))))
        levels = most if self.params.levels is None else self.params.levels
        if levels > most:
            raise BadParams(
                f"wavelet: {levels} levels of images of {shape[2]}×{shape[1]}",
                f"give at most {most}",
            )
        return Details(TAPS[self.params.family], levels, shape[1:])


class Details:
    """Three details at each of J scales, (B, 3J, C, H, W), which are circular convolutions.

    Args:
        taps: The low-pass filter h; the high-pass one is (−1)ⁱ h at the other end.
        levels: J ≥ 1.
        size: (H, W) of the images.
    """

    square_norm = 1.0

    def __init__(self, taps: tuple[float, ...], levels: int, size: tuple[int, int]) -> None:
        self.levels, self.size = levels, size
        high = tuple((-1) ** i * h for i, h in enumerate(reversed(taps)))
        rows, columns = (torch.arange(n, dtype=torch.float64) / n for n in size)
        columns = columns[: size[1] // 2 + 1]  # of real images the rest is known
        before, made = torch.ones(1, 1, dtype=torch.complex128), []
        for level in range(levels):
            (low, low_), (up, up_) = (
                [_response(f, axis, level) for axis in (rows, columns)] for f in (taps, high)
            )
            made += [before * torch.outer(*pair) for pair in ((low, up_), (up, low_), (up, up_))]
            before = before * torch.outer(low, low_)
        self.transfer = torch.stack(made)[:, None]

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(x)[:, None]
        details: Tensor = torch.fft.irfft2(spectrum * self.transfer.to(spectrum), s=self.size)
        return details

    def adjoint(self, p: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(p)
        joined = (spectrum * self.transfer.to(spectrum).conj()).sum(1)
        x: Tensor = torch.fft.irfft2(joined, s=self.size)
        return x

    def magnitude(self, p: Tensor) -> Tensor:
        return p.square().sum(2, keepdim=True).sqrt()

    def weights(self, p: Tensor) -> Tensor:
        scale = torch.arange(1, self.levels + 1).repeat_interleave(3)
        return (0.5**scale).to(p).reshape(1, -1, 1, 1, 1)


def _response(taps: tuple[float, ...], frequency: Tensor, level: int) -> Tensor:
    """The transfer function of a filter with taps 2^level apart, at frequencies in cycles."""
    place = torch.arange(len(taps)) << level
    phase = -2j * math.pi * place[:, None] * frequency
    return (torch.tensor(taps, dtype=torch.float64)[:, None] / 2 * phase.exp()).sum(0)
