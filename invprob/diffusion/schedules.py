"""Noise schedules t ↦ (α, σ) of Song et al., 2021, arXiv:2011.13456, for data of unit variance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Schedule = Callable[[Tensor], tuple[Tensor, Tensor]]

BETA_MIN, BETA_MAX = 0.1, 20.0
SIGMA_MIN, SIGMA_MAX = 0.01, 50.0


def vp(t: Tensor) -> tuple[Tensor, Tensor]:
    """Variance preserving, β from 0.1 to 20: α = exp(−½∫β) and α² + σ² = 1.

    Args:
        t: Times in [0, 1], of any shape.

    Returns:
        (α, σ), each of the shape of t.
    """
    log_alpha = _log_alpha(t)
    return log_alpha.exp(), (-torch.expm1(2 * log_alpha)).sqrt()


def vp_time(ratio: Tensor) -> Tensor:
    """The time at which `vp` has a ratio of noise to signal.

    Args:
        ratio: σ/α ≥ 0, of any shape.

    Returns:
        t ≥ 0, of the shape of `ratio`; above 1 where `vp` has less noise at t = 1.
    """
    half = 0.5 * torch.log1p(ratio**2)  # −log α
    slope = BETA_MAX - BETA_MIN
    return (torch.sqrt(BETA_MIN**2 + 4 * slope * half) - BETA_MIN) / slope


def sub_vp(t: Tensor) -> tuple[Tensor, Tensor]:
    """Sub-variance preserving: the α of `vp`, σ = 1 − α².

    Args:
        t: Times in [0, 1], of any shape.

    Returns:
        (α, σ), each of the shape of t.
    """
    log_alpha = _log_alpha(t)
    return log_alpha.exp(), -torch.expm1(2 * log_alpha)


def ve(t: Tensor) -> tuple[Tensor, Tensor]:
    """Variance exploding: α = 1, σ geometric from 0.01 to 50.

    Args:
        t: Times in [0, 1], of any shape.

    Returns:
        (α, σ), each of the shape of t.
    """
    return torch.ones_like(t), SIGMA_MIN * (SIGMA_MAX / SIGMA_MIN) ** t


def _log_alpha(t: Tensor) -> Tensor:
    return -0.5 * (BETA_MIN * t + 0.5 * (BETA_MAX - BETA_MIN) * t**2)


SCHEDULES: dict[str, Schedule] = {"vp": vp, "sub-vp": sub_vp, "ve": ve}
