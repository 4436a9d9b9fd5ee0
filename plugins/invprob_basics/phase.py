"""Phase retrieval: the magnitudes of Fourier coefficients are measured, their phases are lost.

Without masks as Chung et al., 2023 (arXiv:2209.14687) measure; with random phase masks, coded
diffraction patterns (Candès, Li, Soltanolkotabi, 2015, arXiv:1310.3240).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from invprob import seeds
from invprob.errors import BadParams
from invprob.operator import Noise, Operator
from invprob.params import Configurable
from invprob_basics import shapes
from invprob_basics.imaging_params import PhaseParams

LARGEST = 2**28
"""The largest number of magnitudes of an image."""


class Phase(Operator, Configurable):
    """A(x)_k = |F (m_k ⊙ x)|, channel by channel, (B, C, K, H', W').

    F is the orthonormal transform of the image within a black margin below and to the right, and
    m_k are masks of random phases, drawn once, or one of 1 where there are none. Then the image
    turned by 180° has the same magnitudes, and so has one that is shifted on the circle; since
    images are real, those at k and −k are alike, and are measured twice.

    Args:
        image_shape: The shape of an image, (C, H, W).
        seed: The seed of the masks.
        noise: The noise of the magnitudes.

    Raises:
        BadParams: If a parameter is out of its range, or there are more than 2²⁸ magnitudes.
    """

    params_type = PhaseParams
    positional = ("oversampling",)
    angles: Tensor

    def __init__(
        self,
        *args: Any,
        image_shape: Sequence[int],
        seed: int = 0,
        noise: Noise | None = None,
        **values: Any,
    ) -> None:
        super().__init__(noise)
        params = self.read(*args, **values)
        channels, height, width = self.in_shape = shapes.picture("phase", image_shape)
        self.size = (
            math.ceil(params.oversampling * height),
            math.ceil(params.oversampling * width),
        )
        self.out_shape = (channels, max(params.masks, 1), *self.size)
        if math.prod(self.out_shape) > LARGEST:
            raise BadParams(
                f"oversampling={params.oversampling:g} and {params.masks} masks give"
                f" {math.prod(self.out_shape)} magnitudes of {width}×{height} pixels",
                "give less oversampling, or fewer masks",
            )
        plain = self.symmetric = params.masks == 0
        draw = torch.rand((params.masks, height, width), generator=seeds.stream(seed, "phase"))
        angles = torch.zeros(1, 1, 1) if plain else 2 * math.pi * draw
        self.register_buffer("angles", angles.double())

    @classmethod
    def from_params(cls, params: PhaseParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(params, image_shape=in_shape, seed=seed)

    def forward(self, x: Tensor) -> Tensor:
        angles = self.angles.to(x.dtype)
        masked = torch.polar(torch.ones_like(angles), angles) * x[:, :, None]
        magnitudes: Tensor = torch.fft.fft2(masked, s=self.size, norm="ortho").abs()
        return magnitudes

    def observed(self, y: Tensor) -> Tensor:
        # the first pattern, its origin in the middle, by the logarithm
        first = torch.fft.fftshift(y[:, :, 0].clamp_min(0), (2, 3))
        largest = first.flatten(1).amax(1).clamp_min(1e-12).reshape(-1, 1, 1, 1)
        return torch.log1p(1000 * first / largest) / math.log(1001)
