"""Filters on images that are continued by their mirror image, in Fourier space.

Images whose borders are mirrored are periodic with twice their size (less two pixels), so a filter
that is even along each axis is a product in Fourier space. With the border pixels halved, W, it is
symmetric, which conjugate gradients want of a preconditioner.
"""

from __future__ import annotations

import torch
from torch import Tensor


def transfer(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    """The Fourier transform of a kernel on a circle.

    Args:
        kernel: The kernel (odd, odd), with its middle at the origin.
        size: The circle, (H, W), at least as large as the kernel.

    Returns:
        (H, W), complex.
    """
    height, width = size
    down, right = (side // 2 for side in kernel.shape)
    rows = (torch.arange(kernel.shape[0]) - down) % height
    columns = (torch.arange(kernel.shape[1]) - right) % width
    centred = kernel.new_zeros(height, width)
    centred.index_put_((rows[:, None], columns[None]), kernel, accumulate=True)
    found: Tensor = torch.fft.fft2(centred)
    return found


def filtered(x: Tensor, response: Tensor) -> Tensor:
    """Filter images, continued by their mirror image.

    Args:
        x: Images (B, C, H, W).
        response: The response of the filter, real, (2H − 2, 2W − 2), or (B, 1, 2H − 2, 2W − 2);
            it is made even along each axis.

    Returns:
        F x, (B, C, H, W). F is symmetric for the inner product that counts border pixels by
        `weights`, so that √w F 1/√w is symmetric.
    """
    height, width = x.shape[2:]
    turned = response.flip(-2).roll(1, -2)  # at the frequency −k of the rows
    spectrum = torch.fft.fft2(_mirrored(_mirrored(x, 2), 3)) * (response + turned) / 2
    found: Tensor = torch.fft.ifft2(spectrum).real[..., :height, :width]
    return found


def weights(x: Tensor) -> Tensor:
    """Count pixels in border rows and columns half, and those in corners a quarter.

    Args:
        x: Images (B, C, H, W), of which size, precision and device are used.

    Returns:
        The weights w, (H, W).
    """
    lines = []
    for side in x.shape[2:]:
        line = x.new_ones(side)
        line[0] = line[-1] = 0.5
        lines.append(line)
    return torch.outer(*lines)


def _mirrored(x: Tensor, dim: int) -> Tensor:
    return torch.cat([x, x.narrow(dim, 1, x.shape[dim] - 2).flip(dim)], dim)
