"""The score network that SGILO's authors published: a plain vision transformer over tokens.

Dosovitskiy et al., 2021, arXiv:2010.11929, with one head and a patch of one position. The time
enters as random Fourier features (Tancik et al., 2020, arXiv:2006.10739) that two linear layers
turn into one number per token, added to all of its channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class NetSize:
    """What the shapes of the tensors tell, and the activation of the time, which they do not."""

    tokens: int = 18
    channels: int = 512
    width: int = 1024
    depth: int = 8
    inner: int = 64
    hidden: int = 4096
    time_activation: Literal["silu", "none"] = "silu"


class Block(nn.Module):
    """Self-attention of one head and a two-layer perceptron, each after a layer norm."""

    def __init__(self, size: NetSize) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.qkv = nn.Linear(size.width, 3 * size.inner, bias=False)
        self.out = nn.Linear(size.inner, size.width)
        self.up = nn.Linear(size.width, size.hidden)
        self.down = nn.Linear(size.hidden, size.width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v))
        out: Tensor = x + self.down(F.gelu(self.up(self.norm2(x))))
        return out


class PublishedNet(nn.Module):
    """ε̂ of noisy tokens (B, T, channels) at times t (B,) of the published variance-preserving
    equation; all of it in the published units, about [0, 1]."""

    frequencies: Tensor
    assumed: str = ""
    """What its file does not say, in words."""

    def __init__(self, size: NetSize) -> None:
        super().__init__()
        T = size.tokens
        self.size = size
        self.register_buffer("frequencies", torch.zeros(T // 2))
        self.position = nn.Parameter(torch.zeros(1, T, size.width))
        with torch.random.fork_rng(devices=[]):  # layers draw their first weights
            self.time1, self.time2 = nn.Linear(T, T), nn.Linear(T, T)
            self.inward = nn.Linear(size.channels, size.width)
            self.blocks = nn.ModuleList(Block(size) for _ in range(size.depth))
            self.outward = nn.Linear(size.width, size.channels)

    def forward(self, tokens: Tensor, t: Tensor) -> Tensor:
        angle = 2 * math.pi * t[:, None] * self.frequencies
        time = self.time1(torch.cat([angle.sin(), angle.cos()], 1))
        if self.size.time_activation == "silu":
            time = F.silu(time)
        x = self.inward(tokens) + self.position + self.time2(time)[:, :, None]
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.outward(x)
        return out
