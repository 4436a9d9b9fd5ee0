"""Networks that see a bounded part of an image, on images of any size in bounded memory.

An image is cut into tiles that begin at multiples of the network's own grid. Each is denoised with
a margin of what the network sees, so that what is kept of it is what the whole image would give.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn

from invprob.errors import BadParams

MIB = 2**20


class Local(nn.Module):
    """A denoiser D(x, σ) of images (B, C, H, W) of any size, in units of [0, 1].

    Attributes:
        colours: 1 for grey images, 3 for RGB.
        multiple: The network works on images whose sides are multiples of this; it extends others.
        reach: How far, in pixels, what a pixel becomes depends on others, beyond its own block of
            `multiple` pixels.
        footprint: Bytes that the network needs for each pixel, at most, in single precision.
        greatest: The greatest noise level that it was trained for.
    """

    colours: int
    multiple: int
    reach: int
    footprint: int
    greatest = 1.0

    @property
    def margin(self) -> int:
        """Pixels around a tile, a multiple of `multiple`."""
        return math.ceil(self.reach / self.multiple + 1) * self.multiple


def denoise(network: Local, x: Tensor, sigma: Tensor, memory: int) -> Tensor:
    """Denoise images of any size.

    Args:
        network: The network.
        x: Noisy images (B, C, H, W).
        sigma: Standard deviations of their noise, (B,).
        memory: What the network may need at a time, in MiB.

    Returns:
        The denoised images (B, C, H, W).

    Raises:
        BadParams: If the memory is too little for the smallest tile.
    """
    most = memory * MIB // network.footprint
    height, width = x.shape[2:]
    if len(x) * height * width <= most:
        found: Tensor = network(x, sigma)
        return found
    cores = list(plan((height, width), network, most))
    if not cores:
        side = network.multiple + 2 * network.margin
        raise BadParams(
            f"memory={memory} MiB is too little for this network, which sees {network.margin}"
            " pixels around each",
            f"give memory={math.ceil(side**2 * network.footprint / MIB)} or more",
        )
    out = torch.empty_like(x)
    for row, core in product(range(len(x)), cores):
        (top, bottom), (left, right) = core
        above, before = max(0, top - network.margin), max(0, left - network.margin)
        part = x[row : row + 1, :, above : bottom + network.margin, before : right + network.margin]
        clean = network(part, sigma[row : row + 1])
        clean = clean[..., top - above : bottom - above, left - before : right - before]
        out[row : row + 1, :, top:bottom, left:right] = clean
    return out


Span = tuple[int, int]


def plan(size: tuple[int, int], network: Local, most: int) -> Iterator[tuple[Span, Span]]:
    """Cut an image so that margins cost least.

    Args:
        size: The size of the image, (H, W).
        network: The network.
        most: Pixels of a tile, with its margin, at most.

    Yields:
        Rows and columns (from, to) of each part, without margins; nothing if no cut is fine enough.
    """
    grid, margin = network.multiple, network.margin
    best: tuple[int, list[Span], list[Span]] | None = None
    for count in range(1, math.ceil(size[0] / grid) + 1):
        rows = cut(size[0], count, grid)
        tall = max(seen(rows, size[0], margin))
        fits = (
            c
            for c in range(1, math.ceil(size[1] / grid) + 1)
            if _wide(c, size[1], grid, margin) * tall <= most
        )
        across = next(fits, None)
        if across is None:
            continue
        columns = cut(size[1], across, grid)
        cost = sum(seen(rows, size[0], margin)) * sum(seen(columns, size[1], margin))
        if best is not None and cost >= best[0]:
            break
        best = (cost, rows, columns)
    if best is not None:
        yield from product(best[1], best[2])


def _wide(count: int, side: int, grid: int, margin: int) -> int:
    return max(seen(cut(side, count, grid), side, margin))


def cut(side: int, count: int, grid: int) -> list[Span]:
    """Cut a side into parts that begin at multiples of a grid.

    Args:
        side: Pixels.
        count: The most parts.
        grid: Pixels of the grid.

    Returns:
        (from, to) of every part.
    """
    length = math.ceil(side / count / grid) * grid
    return [(start, min(start + length, side)) for start in range(0, side, length)]


def seen(parts: list[Span], side: int, margin: int) -> list[int]:
    """The lengths of parts with their margins.

    Args:
        parts: (from, to) of every part.
        side: Pixels of the whole.
        margin: Pixels of a margin.
    """
    return [min(side, end + margin) - max(0, start - margin) for start, end in parts]
