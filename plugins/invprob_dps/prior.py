"""A diffusion model of images: a U-Net of diffusers and the α, σ of its scheduler.

u = 2x − 1 for an image x in [0, 1]. The time t ∈ [0, 1] is (i + 1)/T for the step i of T that the
network was trained with; between steps log α is interpolated, so that any time can be asked for.
"""

from __future__ import annotations

import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch import Tensor
from torch.nn import functional as F

from invprob.prior import Denoiser


class PixelDiffusion(Denoiser):
    """E[u_0 | u_t] by a network that sees blocks of patch × patch pixels as one."""

    assumed: str = ""
    """What its file does not say, in words."""

    def __init__(self, net: UNet2DModel, scheduler: DDPMScheduler, patch: int = 1) -> None:
        super().__init__()
        self.net = net
        self.patch = patch
        self.prediction: str = scheduler.config["prediction_type"]
        self.steps: int = scheduler.config["num_train_timesteps"]
        self.t_min = 1 / self.steps
        self.dtype = torch.float32
        side = net.config["sample_size"] * patch
        self.image_shape = (net.config["in_channels"] // patch**2, side, side)
        log_alpha = 0.5 * scheduler.alphas_cumprod.double().clamp_min(1e-10).log()
        self.log_alpha: Tensor
        self.register_buffer("log_alpha", F.pad(log_alpha, (1, 0)).float(), persistent=False)

    def normalise(self, x: Tensor) -> Tensor:
        return 2 * x - 1

    def restore(self, u: Tensor) -> Tensor:
        return (u + 1) / 2

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        place = (t * self.steps).clamp(0, self.steps)
        left = place.detach().floor().long().clamp(max=self.steps - 1)
        below, above = self.log_alpha[left], self.log_alpha[left + 1]
        log_alpha = below + (place - left) * (above - below)
        return log_alpha.exp(), (-torch.expm1(2 * log_alpha)).sqrt()

    def denoise(self, u: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = (v[:, None, None, None] for v in self.schedule(t))
        out = self.predict(u, (t * self.steps - 1).clamp_min(0))
        if self.prediction == "sample":
            return out
        if self.prediction == "v_prediction":
            return alpha * u - sigma * out
        return (u - sigma * out) / alpha

    def predict(self, u: Tensor, step: Tensor) -> Tensor:
        """What the network says of u (B, C, H, W) at `step` (B,) of its training."""
        blocks = F.pixel_unshuffle(u, self.patch)
        with torch.autocast(u.device.type, self.dtype, enabled=self.dtype != torch.float32):
            out = self.net(blocks, step).sample
        # a network that learned variances too gives them in its second half
        return F.pixel_shuffle(out[:, : blocks.shape[1]].to(u.dtype), self.patch)
