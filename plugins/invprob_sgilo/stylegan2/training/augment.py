"""Adaptive discriminator augmentation (Karras et al., 2020, arXiv:2006.06676).

Each image is flipped, moved, scaled, turned and recoloured, each with probability p; p rises while
the discriminator is too sure of the training images, E[sign D(real)] > 0.6, and falls otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

TARGET = 0.6
IMAGES_TO_FULL = 500_000


class Augment:
    """The probability p and what it acts on; ``none`` leaves images alone."""

    def __init__(self, mode: Literal["none", "adaptive"]) -> None:
        self.mode = mode
        self.p = 0.0
        self._signs: list[float] = []

    def at(self, rng: torch.Generator) -> Callable[[Tensor], Tensor]:
        """A map of images (B, C, H, W) in [−1, 1] that draws from rng."""
        if self.mode == "none" or self.p == 0.0:
            return lambda image: image
        p = self.p
        return lambda image: recolour(warp(image, p, rng), p, rng)

    def observe(self, sign: float, shown: int) -> None:
        """Adapt p to the mean sign of D's answers on `shown` real images, every fourth step."""
        if self.mode == "none":
            return
        self._signs.append(sign)
        if len(self._signs) == 4:
            over = sum(self._signs) / 4 > TARGET
            step = 4 * shown / IMAGES_TO_FULL
            self.p = min(0.9, max(0.0, self.p + (step if over else -step)))
            self._signs = []

    def state(self) -> dict[str, object]:
        return {"p": self.p, "signs": list(self._signs)}

    def load(self, saved: dict[str, object]) -> None:
        p, signs = saved["p"], saved["signs"]
        assert isinstance(p, float)
        assert isinstance(signs, list)
        self.p, self._signs = p, list(signs)


def warp(image: Tensor, p: float, rng: torch.Generator) -> Tensor:
    """Mirror, move by up to ⅛, scale by 2^N(0, 0.2²), stretch, turn: each with probability p."""
    count = len(image)

    def chosen(values: Tensor, neutral: float) -> Tensor:
        take = torch.rand(count, generator=rng) < p
        return torch.where(take, values, torch.full_like(values, neutral))

    def normal(spread: float) -> Tensor:
        return torch.randn(count, generator=rng) * spread

    mirror = chosen(torch.where(torch.rand(count, generator=rng) < 0.5, -1.0, 1.0), 1.0)
    scale = chosen(torch.exp2(normal(0.2)), 1.0)
    stretch = chosen(torch.exp2(normal(0.2)), 1.0)
    angle = chosen((torch.rand(count, generator=rng) * 2 - 1) * math.pi, 0.0)
    dx = chosen((torch.rand(count, generator=rng) * 2 - 1) * 0.25, 0.0)
    dy = chosen((torch.rand(count, generator=rng) * 2 - 1) * 0.25, 0.0)
    cos, sin = angle.cos(), angle.sin()
    sx, sy = scale * stretch, scale / stretch
    first = torch.stack([mirror * cos / sx, -sin / sx, dx], 1)
    second = torch.stack([mirror * sin / sy, cos / sy, dy], 1)
    theta = torch.stack([first, second], 1).to(image)
    grid = F.affine_grid(theta, list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)


def recolour(image: Tensor, p: float, rng: torch.Generator) -> Tensor:
    """Brightness N(0, 0.2²), contrast 2^N(0, 0.5²), saturation 2^N(0, 1), with probability p."""
    count = len(image)

    def chosen(values: Tensor, neutral: float) -> Tensor:
        take = torch.rand(count, generator=rng) < p
        picked = torch.where(take, values, torch.full_like(values, neutral))
        return picked.to(image)[:, None, None, None]

    brightness = chosen(torch.randn(count, generator=rng) * 0.2, 0.0)
    contrast = chosen(torch.exp2(torch.randn(count, generator=rng) * 0.5), 1.0)
    saturation = chosen(torch.exp2(torch.randn(count, generator=rng)), 1.0)
    image = (image + brightness) * contrast
    grey = image.mean(1, keepdim=True)
    return grey + (image - grey) * saturation
