"""Denoisers of grey or of RGB images, on images of the other kind."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def denoised(
    network: Callable[[Tensor, Tensor], Tensor], x: Tensor, sigma: Tensor, colours: int | None
) -> Tensor:
    """Denoise images, grey or RGB.

    Grey images are RGB images of equal channels, whose noise is equal too; the channels of RGB
    images are grey images, each denoised by itself.

    Args:
        network: The denoised images, of images and the level of each.
        x: Noisy images (B, C, H, W).
        sigma: Standard deviations of their noise, (B,).
        colours: 1 or 3 where the network takes only these.

    Returns:
        The denoised images (B, C, H, W).
    """
    channels = x.shape[1]
    if (channels, colours) == (1, 3):
        return network(x.expand(-1, 3, -1, -1), sigma).mean(1, keepdim=True)
    if (channels, colours) == (3, 1):
        each = network(x.reshape(-1, 1, *x.shape[2:]), sigma.repeat_interleave(3))
        return each.reshape(x.shape)
    return network(x, sigma)
