"""The time t ∈ [0, 1] of a U-Net: signal and noise, and the step that the network is asked at."""

from __future__ import annotations

from typing import TypeAlias

import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor, nn
from torch.nn import functional as F

from invprob_dps.scheduler_config import NoiseLevels


class DiscreteNoise(nn.Module):
    """The α, σ of DDPM; t = (i + 1)/T is the step i of T, and between steps log α is interpolated.

    Args:
        scheduler: The α that the network was trained with, and what it predicts.
    """

    def __init__(self, scheduler: DDPMScheduler) -> None:
        super().__init__()
        self.prediction: str = scheduler.config["prediction_type"]
        self.steps: int = scheduler.config["num_train_timesteps"]
        log_alpha = 0.5 * scheduler.alphas_cumprod.double().clamp_min(1e-10).log()
        self.log_alpha: Tensor
        self.register_buffer("log_alpha", F.pad(log_alpha, (1, 0)).float(), persistent=False)

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The signal and the noise at a time.

        Args:
            t: Times in [0, 1], (B,).

        Returns:
            (α, σ), each (B,), α² + σ² = 1.
        """
        place = (t * self.steps).clamp(0, self.steps)
        left = place.detach().floor().long().clamp(max=self.steps - 1)
        below, above = self.log_alpha[left], self.log_alpha[left + 1]
        log_alpha = below + (place - left) * (above - below)
        return log_alpha.exp(), (-torch.expm1(2 * log_alpha)).sqrt()

    def step(self, t: Tensor) -> Tensor:
        """The step of the training at a time.

        Args:
            t: Times in [0, 1], (B,).

        Returns:
            Steps from 0 to T − 1, (B,).
        """
        return (t * self.steps - 1).clamp_min(0)


class Flow(nn.Module):
    """Rectified flow (Liu et al., 2022, arXiv:2209.03003): α = 1 − s, σ = s with s = (1 − 1/T) t.

    So the signal does not vanish at t = 1. The network predicts the velocity ε − u_0.

    Args:
        scheduler: The number of steps T by which the network counts s.
    """

    prediction = "flow"

    def __init__(self, scheduler: FlowMatchEulerDiscreteScheduler) -> None:
        super().__init__()
        self.steps: int = scheduler.config["num_train_timesteps"]

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The signal and the noise at a time.

        Args:
            t: Times in [0, 1], (B,).

        Returns:
            (α, σ), each (B,), α + σ = 1.
        """
        s = (1 - 1 / self.steps) * t
        return 1 - s, s

    def step(self, t: Tensor) -> Tensor:
        """The step of the training at a time.

        Args:
            t: Times in [0, 1], (B,).

        Returns:
            s T, (B,).
        """
        return (self.steps - 1) * t


Timing: TypeAlias = DiscreteNoise | Flow


def of(scheduler: NoiseLevels) -> Timing:
    """The times of a network.

    Args:
        scheduler: What its folder says of the noise.

    Returns:
        A module without weights.
    """
    if isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
        return Flow(scheduler)
    return DiscreteNoise(scheduler)
