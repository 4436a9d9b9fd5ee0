"""The prior of a denoiser: E[x | x + σ ε] for images of any size.

By Tweedie's formula a denoiser for all noise levels is the score of the noised images (Vincent,
2011; Kadkhodaie and Simoncelli, 2021, arXiv:2007.13640). Here α = 1 and σ grows from the least
level of the network, at `t_min`, to its greatest at t = 1, which is 1 for ours, by equal factors in
equal times; images keep their units, [0, 1].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor

from invprob.diffusion import colours
from invprob.generator import Generator
from invprob.io import checksums
from invprob.prior import Denoiser, over_images
from invprob.weights import store
from invprob_pnp import tiles
from invprob_pnp.denoiser.file import load
from invprob_pnp.params import PhotoParams
from invprob_pnp.tiles import Local

BUNDLED = Path(__file__).parents[1] / "weights"
T_MIN = 1e-3


class Photo(Denoiser[Tensor]):
    """A denoiser of photographs (B, C, H, W) in [0, 1], whatever their size.

    Args:
        network: The network D(x, σ).
        least: The least noise level that it was trained for, in units of [0, 1].
        precision: Arithmetic of the network.
        memory: What the network may need at a time, in MiB; larger images are cut into tiles.
    """

    t_min = T_MIN

    def __init__(
        self,
        network: Local,
        least: float = 0.003,
        *,
        precision: Literal["float32", "bfloat16"] = "float32",
        memory: int = 1024,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.least = least
        self.memory = memory
        self.colours, self.greatest = network.colours, network.greatest
        self.dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32

    @classmethod
    def pretrained(cls, weights: str | Path = "photo", **values: Any) -> Self:
        """The denoiser of bundled weights, or of a file.

        Args:
            weights: ``"photo"``, another name of `invprob weights list`, or a path.
            values: Other parameters, as `invprob show prior photo` lists them.

        Returns:
            The prior, on the CPU, in evaluation mode and without gradients of its weights.

        Raises:
            BadParams: If a parameter is unknown or out of its range.
            BadWeights: If the file is missing, damaged or not a denoiser.
        """
        params = PhotoParams.parse({"weights": str(weights), **values}, "Photo")
        return cls.from_params(params, None, 0).eval().requires_grad_(False)

    @classmethod
    def from_params(cls, params: PhotoParams, generator: Generator | None, stage: int) -> Self:
        """The prior that parameters describe, as the registry makes it.

        Args:
            params: The parameters.
            generator: None, or one of depth 0.
            stage: Not needed.

        Returns:
            The prior, on the CPU.

        Raises:
            BadInput: If there is a generator with latents.
            BadWeights: If the file is missing, damaged or not a denoiser.
        """
        over_images("photo", generator)
        path = store.locate(params.weights, BUNDLED)
        network, least = load(path, params.sha256 or checksums.listed(path, BUNDLED))
        return cls(network, least, precision=params.precision, memory=params.memory)

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        place = ((t - T_MIN) / (1 - T_MIN)).clamp_min(0)
        sigma = self.least ** (1 - place) * self.greatest**place * (t / T_MIN).clamp(0, 1)
        return torch.ones_like(t), sigma

    def denoise(self, u: Tensor, t: Tensor) -> Tensor:
        _, sigma = self.schedule(t)
        return colours.denoised(self._denoised, u, sigma.clamp_min(self.least), self.colours)

    def _denoised(self, x: Tensor, sigma: Tensor) -> Tensor:
        narrow = self.dtype != torch.float32
        with torch.autocast(x.device.type, self.dtype, enabled=narrow):
            last = x.to(memory_format=torch.channels_last)
            found = tiles.denoise(self.network, last, sigma, self.memory)
        return found.to(x.dtype).contiguous()
