"""A diffusion model as a generator z ↦ image: a few steps of DDIM without fresh noise, as stages.

    u_{k} = α_{k} û_0(u_{k−1}) + σ_{k} (u_{k−1} − α_{k−1} û_0(u_{k−1})) / σ_{k−1},    u_0 = z

Song, Meng, Ermon, Denoising diffusion implicit models, 2021, arXiv:2010.02502. Wang, Zhang, Li,
Wan, Chen, Sun, DMPlug, 2024, arXiv:2405.16749, descend on z through three such steps; with a single
one the map is the denoiser at the greatest noise level, as a consistency model has it.
"""

from __future__ import annotations

from functools import partial
from typing import Self

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from invprob.diffusion.samplers import rows
from invprob.errors import BadInput
from invprob.generator import Generator
from invprob.prior import Denoiser
from invprob_dps.ddim_params import DDIMParams
from invprob_dps.prior import PixelDiffusion
from invprob_dps.solver import reverse, visited


class DDIM(Generator[Tensor]):
    """Images of a diffusion model from normal noise z (B, C, H, W), a stage for each step.

    The latent x_k is the noised image u at the k-th time, in the units of the model.

    Args:
        prior: The model, one of images that knows their shape.
        steps: The number of steps, ≥ 1.
        spacing: Which times are visited: ``"trailing"``, ``"leading"`` or ``"linspace"``, as in
            diffusers.
        recompute: Compute a stage again for its gradient instead of keeping what it was made of, so
            that the memory does not grow with the steps.

    Raises:
        BadInput: If the model does not know the shape of its images.
        BadParams: If there are more steps than noise levels.
    """

    def __init__(
        self,
        prior: Denoiser[Tensor],
        steps: int = 3,
        spacing: str = "trailing",
        *,
        recompute: bool = True,
    ) -> None:
        super().__init__()
        if prior.image_shape is None:
            raise BadInput(
                f"{type(prior).__name__} does not know the shape of its images",
                "give a diffusion model of images of one size",
            )
        self.prior, self.depth, self.recompute = prior, steps, recompute
        self.image_shape = prior.image_shape
        self.options = {"steps": steps, "spacing": spacing}
        self.times = (*visited(prior.t_min, steps, spacing), 0.0)

    @classmethod
    def from_params(cls, params: DDIMParams, device: torch.device | None = None) -> Self:
        """The generator that parameters describe, as the registry makes it.

        Args:
            params: The parameters.
            device: Where it will compute, for ``precision=auto``; None: on the CPU.

        Returns:
            The generator, on the CPU.

        Raises:
            BadWeights: If a file is missing, damaged or not a pixel diffusion.
            BadParams: If there are more steps than noise levels, or the size does not fit.
        """
        prior = PixelDiffusion.from_params(params, None, 0, device)
        made = cls(prior, params.steps, params.spacing, recompute=params.recompute)
        made.chosen = prior.chosen
        return made

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        like = next(self.prior.buffers())
        return torch.randn((batch, *self.image_shape), generator=rng).to(like)

    def stage(self, k: int, x: Tensor) -> Tensor:
        if not 1 <= k <= self.depth:
            raise ValueError(f"stage {k} of a generator of depth {self.depth}")
        step = partial(self._step, k)
        if self.recompute and torch.is_grad_enabled():
            out: Tensor = checkpoint(step, x, use_reentrant=False, preserve_rng_state=False)
            return out
        return step(x)

    def _step(self, k: int, u: Tensor) -> Tensor:
        now, then = (rows(t, u) for t in self.times[k - 1 : k + 1])
        clean = self.prior.denoise(u, now)
        if k == self.depth:
            return self.prior.restore(clean)
        return reverse(self.prior, u, clean, now, then, 0.0, torch.zeros_like(u))
