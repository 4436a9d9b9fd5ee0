"""Generators: an image model x = G(z), factored as G = Gₙ ∘ … ∘ G₁."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

Role = Literal["input", "codes", "features", "image", "noise"]
"""What a leaf of a latent is: the generator's input code, style codes, features, the image so far,
or a noise map."""


class Latent:
    """A frozen dataclass whose tensor leaves are batch first; None leaves are absent.

    `roles` says by field what its leaves are; a field that is not listed holds features. Leaves
    with the roles ``"input"`` and ``"noise"`` are standard normal by construction.
    """

    roles: ClassVar[Mapping[str, Role]] = {}


class Generator(nn.Module, ABC):
    """An image model in stages.

    The latent x_k holds everything that stages k+1 … n still read: features, the image so far, the
    style codes and noise maps not yet used. So the image depends on x_k alone, and G_n∘…∘G_1 = G.
    Images are (B, C, H, W), nominally in [0, 1] and not clamped, so that gradients pass.
    """

    depth: int
    image_shape: tuple[int, int, int]
    latents: tuple[type, ...] = ()

    @abstractmethod
    def sample(self, batch: int, rng: torch.Generator) -> Any:
        """Draw x_0 from the law the generator was trained with."""

    @abstractmethod
    def stage(self, k: int, x: Any) -> Any:
        """x_k = G_k(x_{k−1}) for 1 ≤ k ≤ depth; pure; the last stage returns the image."""

    def forward(self, x: Any, start: int = 0, stop: int | None = None) -> Any:
        """G_stop ∘ … ∘ G_{start+1}, by default up to the image."""
        stop = self.depth if stop is None else stop
        if not 0 <= start <= stop <= self.depth:
            raise ValueError(f"stages {start} to {stop} of a generator of depth {self.depth}")
        for k in range(start + 1, stop + 1):
            x = self.stage(k, x)
        return x


class Identity(Generator):
    """No generator: depth 0, the latent is the image itself (pixel-space solvers)."""

    depth = 0

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.image_shape = image_shape

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        return torch.rand((batch, *self.image_shape), generator=rng)

    def stage(self, k: int, x: Any) -> Any:
        raise ValueError(f"stage {k} of a generator of depth 0")
