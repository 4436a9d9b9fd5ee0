"""Generators: an image model x = G(z), factored as G = Gₙ ∘ … ∘ G₁."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from invprob.errors import Incompatible
from invprob.global_state.torch_state import standardise

if TYPE_CHECKING:
    from invprob.tree import Tree

X = TypeVar("X", bound="Tree", default=Any)
"""The type of a latent: a `Tensor`, a `Latent`, or a union of those of all stages; if it is left
out, Any. Tensors in it are batch first; `invprob.tree` works on all of them alike."""

Role = Literal["input", "codes", "features", "image", "noise"]
"""What a leaf of a latent is: the generator's input code, style codes, features, the image so far,
or a noise map."""


class Latent:
    """A frozen dataclass whose tensor leaves are batch first; None leaves are absent.

    `roles` says by field what its leaves are; a field that is not listed holds features. Leaves
    with the roles ``"input"`` and ``"noise"`` are standard normal by construction.
    """

    roles: ClassVar[Mapping[str, Role]] = {}


class Generator(nn.Module, ABC, Generic[X]):
    """An image model in stages.

    The latent x_k holds everything that stages k+1 … n still read: features, the image so far, the
    style codes and noise maps not yet used. So the image depends on x_k alone, and G_n∘…∘G_1 = G.
    Images are (B, C, H, W), nominally in [0, 1] and not clamped, so that gradients pass.

    A subclass sets `depth`, the number n of stages, `image_shape` (C, H, W), and `latents`, the
    dataclasses that its latents are made of, which checkpoints may then hold.
    """

    depth: int
    image_shape: tuple[int, int, int]
    latents: tuple[type, ...] = ()
    assumed: str = ""
    """What was assumed because the file of the weights does not say it, in words."""
    chosen: Mapping[str, str] = MappingProxyType({})
    """Parameters that were left to the machine, as it has chosen them."""
    options: Mapping[str, Any] = MappingProxyType({})
    """What beside the weights decides which image a latent makes, where it is not as usual; numbers
    and texts."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        standardise(cls, "__init__", "sample")

    @abstractmethod
    def sample(self, batch: int, rng: torch.Generator) -> X:
        """Draw x_0 from the distribution that the generator was trained with.

        Args:
            batch: The number B of draws.
            rng: The generator of the random numbers, on the CPU.

        Returns:
            x_0, batch first, on the device of the generator.
        """

    @abstractmethod
    def stage(self, k: int, x: X) -> X:
        """x_k = G_k(x_{k−1}); pure.

        Args:
            k: The stage, from 1 to `depth`.
            x: x_{k−1}, batch first.

        Returns:
            x_k; the last stage returns the image (B, C, H, W).
        """

    def forward(self, x: X, start: int = 0, stop: int | None = None) -> X:
        """G_stop ∘ … ∘ G_{start+1}, by default up to the image.

        Args:
            x: x_start, batch first.
            start: The stage that x comes from, from 0 to `depth`.
            stop: The stage to go to, from `start` to `depth`; None is `depth`.

        Returns:
            x_stop, the image (B, C, H, W) if `stop` is `depth`.

        Raises:
            ValueError: If the stages are out of order or range.
        """
        stop = self.depth if stop is None else stop
        if not 0 <= start <= stop <= self.depth:
            raise ValueError(f"stages {start} to {stop} of a generator of depth {self.depth}")
        for k in range(start + 1, stop + 1):
            x = self.stage(k, x)
        return x

    def encode(self, encoder: Path, pictures: Tensor, stage: int) -> X:
        """Find latents whose images are near given pictures, by an encoder.

        Args:
            encoder: The file of the encoder.
            pictures: The pictures, (B, C, H, W) in [0, 1].
            stage: The stage of the latents, from 0 to `depth`.

        Returns:
            x_stage, batch first.

        Raises:
            Incompatible: If the generator has no encoders, which is so unless a subclass says
                otherwise.
        """
        raise Incompatible(
            f"{type(self).__name__} does not know encoders, so {encoder} cannot be used",
            "leave the encoder out",
        )


class Identity(Generator[Tensor]):
    """No generator: depth 0, the latent is the image itself (solvers in pixel space).

    Args:
        image_shape: The shape of an image, (C, H, W).
    """

    depth = 0

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.image_shape = image_shape

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        return torch.rand((batch, *self.image_shape), generator=rng)

    def stage(self, k: int, x: Tensor) -> Tensor:
        raise ValueError(f"stage {k} of a generator of depth 0")
