"""Wavelet details of an image in all its shifts: an orthogonal transform with cycle spinning.

    R(x) = mean over shifts S of ‖W S x‖₁ = Σ_j 2^(−j) ‖d_j‖₁

d_j are the details at scale j of the transform without decimation, whose filters have the norm ½
along each axis (Coifman & Donoho, Translation-invariant de-noising, 1995; the filters are those of
Daubechies, 1988). Every shift counts alike, so that no block shows. The image goes on at the other
side of its border. The mean of an image, or its coarsest scale, is free.

Where that needs more memory than it may, the mean is over fewer shifts, 2ᶠ in each direction: at a
scale j > f, of 2ʲ details in a row the first 2ᶠ count, 2^(j−f) times. For 2ʲ stands the largest
power of two up to 2ʲ that divides the side, so that the mean is over as many more shifts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

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


MIB = 2**20
BLOCKS = (8, 64)
"""Sides are extended, by reflection, to multiples of the first, where not all shifts count. Powers
of two up to the second are tried as divisors."""


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
        room = self.params.memory * MIB / (2 * 4 * math.prod(shape))
        return Details(TAPS[self.params.family], levels, shape[1:], finest(levels, shape[1:], room))


def finest(levels: int, size: tuple[int, int], most: float) -> int | None:
    """Choose the shifts.

    Args:
        levels: J ≥ 1.
        size: (H, W) of the images.
        most: How many details for each pixel there may be.

    Returns:
        None where those of all shifts are as few, else the largest f ≥ 1 with which they are, or 1.
    """
    if 3 * levels <= most:
        return None
    fits = [f for f in range(1, BLOCKS[1].bit_length()) if count(levels, size, f) <= most]
    return max(fits, default=1)


def count(levels: int, size: tuple[int, int], finest: int) -> float:
    """Count the details of each pixel.

    Args:
        levels: J ≥ 1.
        size: (H, W) of the images.
        finest: f ≥ 1.

    Returns:
        Their number, for images that need no extension.
    """
    return sum(3 / math.prod(_ratios(j, size, finest)) for j in range(1, levels + 1))


def _ratios(level: int, size: tuple[int, ...], finest: int) -> tuple[int, int]:
    """Of how many details in a row one counts, along columns and along rows."""
    blocks = (math.gcd(_extended(n), BLOCKS[1], 2**level) for n in size)
    down, right = (max(1, block >> finest) for block in blocks)
    return down, right


def _extended(side: int) -> int:
    return -(-side // BLOCKS[0]) * BLOCKS[0]


class Details:
    """Three parts (B, C, h, w) at each of J scales, which are circular convolutions.

    Details of which not all are kept are larger by the root of how many times fewer they are, so
    that the norm stays 1, times 2 for each side that is extended.

    Args:
        taps: The low-pass filter h; the high-pass one is (−1)ⁱ h at the other end.
        levels: J ≥ 1.
        size: (H, W) of the images.
        finest: f; None: the mean is over all shifts.
    """

    def __init__(
        self,
        taps: tuple[float, ...],
        levels: int,
        size: tuple[int, int],
        finest: int | None = None,
    ) -> None:
        self.finest, self.given = finest, size
        self.size = size if finest is None else (_extended(size[0]), _extended(size[1]))
        copies = (-(-m // n) for n, m in zip(size, self.size, strict=True))
        self.square_norm = float(math.prod(copies))
        high = tuple((-1) ** i * h for i, h in enumerate(reversed(taps)))
        rows, columns = (torch.arange(n, dtype=torch.float64) / n for n in self.size)
        columns = columns[: self.size[1] // 2 + 1]  # of real images the rest is known
        before = [torch.ones_like(axis, dtype=torch.complex128) for axis in (rows, columns)]
        self._transfers: list[tuple[Tensor, Tensor]] = []
        """The transfer function of each part along rows and along columns."""
        self._ratios: list[tuple[int, int]] = []
        for level in range(levels):
            low, up = (
                [
                    b * _response(f, axis, level)
                    for b, axis in zip(before, (rows, columns), strict=True)
                ]
                for f in (taps, high)
            )
            self._transfers += [(low[0], up[1]), (up[0], low[1]), (up[0], up[1])]
            ratios = (1, 1) if finest is None else _ratios(level + 1, size, finest)
            self._ratios += [ratios] * 3
            before = low
        scales = (level // 3 + 1 for level in range(3 * levels))
        self.weights: Sequence[float] = [
            math.sqrt(math.prod(r)) * 0.5**j for r, j in zip(self._ratios, scales, strict=True)
        ]

    def parts(self, x: Tensor) -> Iterator[Tensor]:
        spectrum = torch.fft.rfft2(self._extended(x))
        for (down, right), ratios in zip(self._transfers, self._ratios, strict=True):
            details = x.new_empty((*x.shape[:2], *self.size))
            for channel in range(x.shape[1]):  # one at a time: a transform needs room of its own
                seen = spectrum[:, channel] * down.to(spectrum)[:, None]
                seen *= right.to(spectrum)
                details[:, channel] = torch.fft.irfft2(seen, s=self.size)
            size = math.sqrt(math.prod(ratios))
            yield details if size == 1 else size * self._kept(details, ratios)

    def adjoint(self, p: Sequence[Tensor]) -> Tensor:
        image = p[0].new_empty((*p[0].shape[:2], *self.size))
        for channel in range(image.shape[1]):
            own = tuple(part[:, channel : channel + 1] for part in p)
            image[:, channel : channel + 1] = self._joined(own)
        return self._folded(image)

    def _joined(self, p: Sequence[Tensor]) -> Tensor:
        """The extended image of the parts of one channel."""
        joined = torch.zeros(())
        for part, (down, right), ratios in zip(p, self._transfers, self._ratios, strict=True):
            if (size := math.sqrt(math.prod(ratios))) > 1:
                whole = part.new_zeros((*part.shape[:2], *self.size))
                self._kept(whole, ratios).copy_(size * part)
                part = whole
            spectrum = torch.fft.rfft2(part)
            spectrum *= down.to(spectrum).conj()[:, None]
            spectrum *= right.to(spectrum).conj()
            joined = joined + spectrum if joined.dim() == 0 else joined.add_(spectrum)
        image: Tensor = torch.fft.irfft2(joined, s=self.size)
        return image

    def magnitude(self, p: Tensor) -> Tensor:
        return p.square().sum(1, keepdim=True).sqrt()

    def _kept(self, details: Tensor, ratios: tuple[int, int]) -> Tensor:
        """A view of the details that count, (B, C, h, 2ᶠ, w, 2ᶠ)."""
        few = 2 ** (self.finest or 0)
        # of a side with a ratio of 1 all count
        rows, columns = (
            (n // (few * r), few * r, few) if r > 1 else (1, n, n)
            for n, r in zip(self.size, ratios, strict=True)
        )
        blocks = details.view(*details.shape[:2], *rows[:2], *columns[:2])
        return blocks[:, :, :, : rows[2], :, : columns[2]]

    def _extended(self, x: Tensor) -> Tensor:
        """x, which goes on mirrored where a side is extended."""
        for dim, mirrored in self._mirrored():
            x = x.index_select(dim, mirrored.to(x.device))
        return x

    def _folded(self, x: Tensor) -> Tensor:
        """The adjoint of `_extended`."""
        for dim, mirrored in self._mirrored():
            shape = [*x.shape]
            shape[dim] = self.given[dim - 2]
            x = x.new_zeros(shape).index_add_(dim, mirrored.to(x.device), x)
        return x

    def _mirrored(self) -> Iterator[tuple[int, Tensor]]:
        """(dimension, where each row or column comes from) of the sides that are extended."""
        for dim, n, m in zip((2, 3), self.given, self.size, strict=True):
            if m > n:
                place = torch.arange(m) % (2 * n)
                yield dim, torch.minimum(place, 2 * n - 1 - place)


def _response(taps: tuple[float, ...], frequency: Tensor, level: int) -> Tensor:
    """The transfer function of a filter with taps 2^level apart, at frequencies in cycles."""
    place = torch.arange(len(taps)) << level
    phase = -2j * math.pi * place[:, None] * frequency
    return (torch.tensor(taps, dtype=torch.float64)[:, None] / 2 * phase.exp()).sum(0)
