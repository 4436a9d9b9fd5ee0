"""A vision transformer over the tokens of a latent: style codes and positions of the features.

Dosovitskiy et al., 2021, arXiv:2010.11929; the noise level enters through adaptive layer norms that
start at zero (Peebles and Xie, 2023, arXiv:2212.09748), so that training starts from the score of a
standard normal distribution.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """Self-attention and a two-layer perceptron, each scaled and shifted by the noise level."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.modulation = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """(B, T, width) tokens and the (B, width) embedding of the noise level."""
        s1, b1, g1, s2, b2, g2 = self.modulation(level)[:, None].chunk(6, dim=-1)
        qkv = self.qkv(self.norm(x) * (1 + s1) + b1)
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + g1 * self.out(mixed)
        hidden = F.gelu(self.up(self.norm(x) * (1 + s2) + b2), approximate="tanh")
        out: Tensor = x + g2 * self.down(hidden)
        return out


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention (…, T, d). Its gradient takes a CPU thrice as long in bfloat16 as in float32."""
    if q.device.type == "cpu" and q.dtype == torch.bfloat16:
        with torch.autocast("cpu", enabled=False):
            return F.scaled_dot_product_attention(q.float(), k.float(), v.float())
    return F.scaled_dot_product_attention(q, k, v)


class ViT(nn.Module):
    """Groups of tokens in, the same groups out; every group has its own embedding.

    `groups` lists (tokens, channels) of each group, e.g. codes (7, 128) and features (64, 131).
    """

    def __init__(
        self, groups: list[tuple[int, int]], width: int, depth: int, heads: int, seed: int = 0
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.sizes = [tokens for tokens, _ in groups]
            self.inward = nn.ModuleList(nn.Linear(c, width) for _, c in groups)
            self.outward = nn.ModuleList(nn.Linear(width, c) for _, c in groups)
            self.position = nn.Parameter(0.02 * torch.randn(sum(self.sizes), width))
            self.level = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width))
            self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
            self.norm = nn.LayerNorm(width)
        for layer in self.outward:
            assert isinstance(layer, nn.Linear)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, groups: list[Tensor], log_snr: Tensor) -> list[Tensor]:
        """Groups of shape (B, tokens, channels) and the half log signal-to-noise ratio (B,)."""
        x = torch.cat([f(g) for f, g in zip(self.inward, groups, strict=True)], 1) + self.position
        level = self.level(fourier(log_snr))
        for block in self.blocks:
            x = block(x, level)
        parts = self.norm(x).split(self.sizes, 1)
        return [f(part) for f, part in zip(self.outward, parts, strict=True)]


def fourier(log_snr: Tensor, features: int = 64) -> Tensor:
    """Sines and cosines of log(α/σ) at geometrically spaced frequencies, (B,) → (B, features)."""
    half = features // 2
    span = torch.arange(half, device=log_snr.device, dtype=log_snr.dtype) / (half - 1)
    angle = log_snr[:, None] * torch.exp(span * math.log(100.0) - math.log(10.0))
    return torch.cat([angle.sin(), angle.cos()], 1)
