"""A convolutional denoiser for all noise levels and image sizes.

    D(x, σ) = c_skip x + c_out F(c_in x, log σ),   c_skip = s²/(σ² + s²),
    c_out = σ s/√(σ² + s²),   c_in = 1/√(σ² + s²)

The preconditioning is that of Karras et al. (2022, arXiv:2206.00364) for images of standard
deviation s. F sees blocks of 2×2 pixels as channels, as FFDNet does (Zhang et al., 2018,
arXiv:1710.04026), and is a U-Net of residual blocks without normalisation, as DRUNet is (Zhang et
al., 2021, arXiv:2008.13751). The noise level scales the features of every block.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from invprob_pnp.tiles import Local

SPREAD = 0.25
"""s: the standard deviation of photographs in [0, 1]."""
EMBEDDING = 64


@dataclass(frozen=True)
class Size:
    """The architecture.

    Attributes:
        colours: 1 for grey images, 3 for RGB.
        patch: The side of the blocks of pixels that the network sees as one.
        channels: Channels by resolution, finest first.
        blocks: Residual blocks by resolution, on the way down and again on the way up.
    """

    colours: int = 3
    patch: int = 2
    channels: tuple[int, ...] = (64, 96, 160)
    blocks: tuple[int, ...] = (3, 2, 2)

    @property
    def multiple(self) -> int:
        """The network works on images whose sides are multiples of this."""
        return int(self.patch * 2 ** (len(self.channels) - 1))

    @property
    def reach(self) -> int:
        """How far the convolutions see, in pixels, beyond blocks of `multiple` pixels."""
        ways = [2] * (len(self.channels) - 1) + [1]
        blocks = (
            2 * n * way << level
            for level, (n, way) in enumerate(zip(self.blocks, ways, strict=True))
        )
        return self.patch * (2 + sum(blocks))


class Block(nn.Module):
    """x + conv(gain(σ) · relu(conv(x)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.gain = nn.Linear(EMBEDDING, channels)
        nn.init.zeros_(self.gain.weight)
        nn.init.ones_(self.gain.bias)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        gain = self.gain(level)[:, :, None, None]
        found: Tensor = self.second(gain * F.relu(self.first(x)))
        return x + found


class Network(Local):
    """D(x, σ) for images (B, C, H, W) in [0, 1] of any height and width.

    Args:
        size: The architecture.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.colours, self.multiple = size.colours, size.multiple
        self.reach = size.reach
        self.footprint = 28 * size.channels[0] // size.patch**2
        c, pixels = size.channels, size.colours * size.patch**2
        self.level = nn.Sequential(
            nn.Linear(1, EMBEDDING), nn.SiLU(), nn.Linear(EMBEDDING, EMBEDDING), nn.SiLU()
        )
        self.first = nn.Conv2d(pixels, c[0], 3, padding=1)
        self.down = nn.ModuleList(map(_blocks, c, size.blocks))
        self.shrink = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(c)
        )
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in pairwise(c)
        )
        self.up = nn.ModuleList(map(_blocks, c[:-1], size.blocks))
        self.last = nn.Conv2d(c[0], pixels, 3, padding=1)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Denoise.

        Args:
            x: Noisy images (B, C, H, W).
            sigma: Standard deviations of their noise (B,), in units of [0, 1].

        Returns:
            The denoised images (B, C, H, W).
        """
        noise = sigma[:, None, None, None]
        scale = (noise**2 + SPREAD**2).sqrt()
        centred = x - 0.5
        residual = self._residual(centred / scale, sigma)
        return 0.5 + (SPREAD / scale) ** 2 * centred + noise * SPREAD / scale * residual

    def _residual(self, x: Tensor, sigma: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = reflected(x, self.size.multiple)
        level = self.level(sigma.log()[:, None] / 4)
        h = self.first(F.pixel_unshuffle(x, self.size.patch))
        kept = []
        for shrink, blocks in zip(self.shrink, self.down, strict=False):
            h = _apply(blocks, h, level)
            kept.append(h)
            h = shrink(h)
        h = _apply(self.down[-1], h, level)
        for grow, blocks in zip(reversed(self.grow), reversed(self.up), strict=True):
            h = _apply(blocks, grow(h) + kept.pop(), level)
        return F.pixel_shuffle(self.last(h), self.size.patch)[..., :height, :width]


def reflected(x: Tensor, multiple: int) -> Tensor:
    """Extend images below and to the right to sides that are multiples of a number.

    Args:
        x: Images (B, C, H, W).
        multiple: The number.

    Returns:
        The images, continued by reflection, or by their last rows and columns where there are
        too few to reflect.
    """
    below, right = (-side % multiple for side in x.shape[2:])
    if not below and not right:
        return x
    fits = below < x.shape[2] and right < x.shape[3]
    return F.pad(x, (0, right, 0, below), mode="reflect" if fits else "replicate")


def _blocks(channels: int, count: int) -> nn.ModuleList:
    return nn.ModuleList(Block(channels) for _ in range(count))


def _apply(blocks: nn.Module, x: Tensor, level: Tensor) -> Tensor:
    for block in blocks.children():
        x = block(x, level)
    return x
