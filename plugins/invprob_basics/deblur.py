"""What the proximal map of a blur is computed with.

A blur of a kernel that is a product of two lines is a matrix for each axis, whose Gram matrices
are decomposed once: Gaussians, and motions along an axis. Others are solved by conjugate gradients
with an inverse in Fourier space that is close.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob_basics import mirror
from invprob_basics.axes import Gram

LONGEST = 5000
"""Sides up to this are decomposed, which takes some 20 seconds at most."""
RANK_ONE = 1e-6
"""The second singular value over the first of a product: a kernel in float32 has some 1e-8."""


def grams(kernel: Tensor, size: tuple[int, int], mode: str) -> tuple[Gram, Gram] | None:
    """Decompose a blur of product form.

    Args:
        kernel: The kernel (odd, odd).
        size: The size of the image, (H, W).
        mode: What lies beyond the border, ``"reflect"`` or ``"circular"``.

    Returns:
        The Gram matrices of rows and columns; None if the kernel is not a product of two lines, or
        the image is too large.
    """
    if max(size) > LONGEST:
        return None
    u, s, v = torch.linalg.svd(kernel.double())
    if len(s) > 1 and float(s[1]) > RANK_ONE * float(s[0]):
        return None
    down, right = u[:, 0] * s[0], v[0]
    height, width = size
    return Gram.of(line_matrix(down, height, mode)), Gram.of(line_matrix(right, width, mode))


def line_matrix(line: Tensor, side: int, mode: str) -> Tensor:
    """The blur of one axis.

    Args:
        line: The kernel (odd,), of any scale.
        side: Pixels.
        mode: What lies beyond the border, ``"reflect"`` or ``"circular"``.

    Returns:
        A matrix (side, side).
    """
    margin = len(line) // 2
    pixels = torch.eye(side, dtype=line.dtype)[:, None]
    padded = F.pad(pixels, (margin, margin), mode=mode) if margin else pixels
    return F.conv1d(padded, line.flip(0)[None, None])[:, 0].T


def even(kernel: Tensor) -> bool:
    """Tell whether a kernel is its own mirror image along both axes.

    Args:
        kernel: The kernel (odd, odd).
    """
    return all(torch.allclose(kernel, kernel.flip(dim)) for dim in (0, 1))


def around(x: Tensor, kernel: Tensor, gamma: Tensor) -> Tensor:
    """(1 + γ AᵀA)⁻¹ x for a blur A on the circle: for others it is so away from borders.

    Args:
        x: Images (B, C, H, W).
        kernel: The kernel (odd, odd).
        gamma: γ ≥ 0, (B, 1, 1, 1).

    Returns:
        Images (B, C, H, W).
    """
    size = (x.shape[2], x.shape[3])
    power = mirror.transfer(kernel.to(x), size)[:, : size[1] // 2 + 1].abs() ** 2
    around: Tensor = torch.fft.irfft2(torch.fft.rfft2(x) / (1 + gamma * power), s=size)
    return around
