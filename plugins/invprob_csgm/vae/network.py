"""Encoder and decoder of fully connected layers (Kingma and Welling, 2013, arXiv:1312.6114)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from invprob.errors import BadParams

LARGEST = 2 * 2**30
"""Bytes of weights beyond which a decoder is refused."""


@dataclass(frozen=True)
class Size:
    """The sizes of a decoder.

    Attributes:
        image_shape: (C, H, W).
        latent: The length of the input.
        hidden: The widths of the layers between input and image.

    Raises:
        BadParams: If the weights of a decoder take more than 2 GiB.
    """

    image_shape: tuple[int, int, int]
    latent: int
    hidden: tuple[int, ...]

    def __post_init__(self) -> None:
        size = 4 * sum(a * b for a, b in itertools.pairwise(self.widths))
        if size > LARGEST:
            raise BadParams(
                f"vae: weights of widths {', '.join(map(str, self.widths))} take"
                f" {size / 2**30:.1f} GiB",
                "give smaller images, or fewer hidden units",
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """The lengths of the input and of every layer's output."""
        return (self.latent, *self.hidden, math.prod(self.image_shape))


class Decoder(nn.Module):
    """From z (B, latent) to the logits of the pixels (B, C, H, W).

    Args:
        size: Its sizes.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        pairs = itertools.pairwise(size.widths)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairs)

    def layer(self, k: int, x: Tensor) -> Tensor:
        """Apply a layer.

        Args:
            k: Its number, from 1.
            x: What the layer before gives, (B, width).

        Returns:
            Features (B, width), or the logits (B, C, H, W) of the last layer.
        """
        out: Tensor = self.layers[k - 1](x)
        last = k == len(self.layers)
        return out.reshape(-1, *self.size.image_shape) if last else F.softplus(out)

    def forward(self, z: Tensor) -> Tensor:
        for k in range(1, len(self.layers) + 1):
            z = self.layer(k, z)
        return z


class Encoder(nn.Module):
    """From images (B, C, H, W) to the mean and the log variance of z, (B, latent) each.

    Args:
        size: The sizes of the decoder, whose widths it has in the opposite order.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        widths = (math.prod(size.image_shape), *reversed(size.hidden), 2 * size.latent)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.flatten(1)
        for layer in self.layers[:-1]:
            x = F.softplus(layer(x))
        mean, log_variance = self.layers[-1](x).chunk(2, 1)
        return mean, log_variance


def seeded(size: Size, seed: int) -> tuple[Encoder, Decoder]:
    """Make both with random weights.

    Args:
        size: The sizes.
        seed: The seed of the weights; no other random state is touched.

    Returns:
        The encoder and the decoder.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return Encoder(size), Decoder(size)
