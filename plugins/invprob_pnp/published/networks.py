"""The networks, written from their papers; names of tensors are ours.

FFDNet (Zhang, Zuo, Zhang, 2018, arXiv:1710.04026) works on blocks of 2×2 pixels beside a map of the
noise level. DRUNet (Zhang et al., 2021, arXiv:2008.13751) is a U-Net of residual blocks without
bias, with that map as one more channel. The bias-free CNN (Mohan, Kadkhodaie, Simoncelli,
Fernandez-Granda, 2020, arXiv:1906.05478) gives the noise, and needs no level: σ is not told to it.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from invprob_pnp.tiles import Local


class FFDNet(Local):
    """Convolutions with ReLU between, on blocks of 2×2 pixels.

    Args:
        colours: 1 for grey images, 3 for RGB.
        channels: Channels between the convolutions.
        count: Convolutions.
    """

    multiple = 2
    greatest = 75 / 255

    def __init__(self, colours: int, channels: int, count: int) -> None:
        super().__init__()
        self.colours = colours
        self.reach = 2 * count
        self.footprint = 4 * channels
        widths = [4 * colours + 1, *[channels] * (count - 1), 4 * colours]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        h = F.pixel_unshuffle(repeated(x, 2), 2)
        level = sigma[:, None, None, None].expand(-1, 1, *h.shape[2:])
        h = torch.cat([h, level.to(h)], 1)
        for layer in self.layers[:-1]:
            h = F.relu(layer(h))
        return F.pixel_shuffle(self.layers[-1](h), 2)[..., : x.shape[2], : x.shape[3]]


class Residual(nn.Module):
    """x + conv(relu(conv(x))) without bias.

    Args:
        channels: Channels of x.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.second(F.relu(self.first(x)))
        return x + found


class DRUNet(Local):
    """A U-Net of residual blocks whose skips are added.

    Args:
        colours: 1 for grey images, 3 for RGB.
        channels: Channels by resolution, finest first.
        count: Residual blocks by resolution, on the way down and again on the way up.
    """

    greatest = 50 / 255

    def __init__(self, colours: int, channels: list[int], count: int) -> None:
        super().__init__()
        deepest = len(channels) - 1
        self.colours, self.multiple = colours, 2**deepest
        self.reach = 2 + 2 * count * (2 * (2**deepest - 1) + 2**deepest)
        self.footprint = 32 * channels[0]
        finer = list(pairwise(channels))
        self.head = nn.Conv2d(colours + 1, channels[0], 3, padding=1, bias=False)
        self.down = nn.ModuleList(_blocks(c, count) for c in channels[:-1])
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2, bias=False) for a, b in finer)
        self.body = _blocks(channels[-1], count)
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 2, stride=2, bias=False) for a, b in finer
        )
        self.up = nn.ModuleList(_blocks(c, count) for c in channels[:-1])
        self.tail = nn.Conv2d(channels[0], colours, 3, padding=1, bias=False)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        whole = repeated(x, self.multiple)
        level = sigma[:, None, None, None].expand(-1, 1, *whole.shape[2:])
        h = self.head(torch.cat([whole, level.to(x)], 1))
        kept = [h]
        for blocks, shrink in zip(self.down, self.shrink, strict=True):
            h = shrink(blocks(h))
            kept.append(h)
        h = self.body(h)
        for blocks, grow in zip(reversed(self.up), reversed(self.grow), strict=True):
            h = blocks(grow(h + kept.pop()))
        found: Tensor = self.tail(h + kept.pop())
        return found[..., : x.shape[2], : x.shape[3]]


class BiasFree(Local):
    """x less the noise that convolutions find, each scaled by its features' standard deviation.

    Args:
        colours: 1 for grey images, 3 for RGB.
        channels: Channels between the convolutions.
        count: Convolutions.
    """

    multiple = 1
    greatest = 100 / 255

    def __init__(self, colours: int, channels: int, count: int) -> None:
        super().__init__()
        self.colours, self.reach = colours, count
        self.footprint = 16 * channels
        widths = [colours, *[channels] * (count - 1), colours]
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairwise(widths)
        )
        self.gains = nn.Parameter(torch.ones(count - 2, channels))

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        h = F.relu(self.layers[0](x))
        for layer, gain in zip(self.layers[1:-1], self.gains, strict=True):
            h = F.relu(layer(h) * gain[:, None, None])
        noise: Tensor = self.layers[-1](h)
        return x - noise


NETWORKS: dict[str, type[FFDNet] | type[DRUNet] | type[BiasFree]] = {
    "FFDNet": FFDNet,
    "DRUNet": DRUNet,
    "BF-CNN": BiasFree,
}


def repeated(x: Tensor, multiple: int) -> Tensor:
    """Extend images to sides that are multiples of a number, by their last rows and columns.

    Args:
        x: Images (B, C, H, W).
        multiple: The number.
    """
    below, right = (-side % multiple for side in x.shape[2:])
    return F.pad(x, (0, right, 0, below), mode="replicate") if below or right else x


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Residual(channels) for _ in range(count)))
