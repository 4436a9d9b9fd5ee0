"""Noise levels of a score model: which time has a level, and what it denoises images to there."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob.prior import Score

HALVINGS = 40


def time_of(prior: Score[Tensor], level: float, like: Tensor) -> float:
    """The time at which the noise over the signal, σ_t/α_t, has a value; by bisection.

    Args:
        prior: The model, of which the schedule is used.
        level: σ_t/α_t > 0, in the model's units.
        like: A tensor of the right precision and device.

    Returns:
        The time in [t_min, 1]: the nearest end where no time has this level.
    """
    low, high = prior.t_min, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        alpha, sigma = prior.schedule(like.new_full((1,), middle))
        low, high = (middle, high) if float(sigma / alpha) < level else (low, middle)
    return high if level > 0 else prior.t_min


def slope(prior: Score[Tensor], x: Tensor) -> float:
    """How many of the model's units are one of [0, 1], the mean slope of `normalise`.

    Args:
        prior: A prior of images.
        x: Images (B, C, H, W), of which shape, precision and device are used.
    """
    one = torch.ones_like(x[:1])
    return float((prior.normalise(one) - prior.normalise(torch.zeros_like(one))).mean())


def denoised(prior: Score[Tensor], x: Tensor, sigma: float) -> Tensor:
    """E[x_0 | x_0 + σ ε = x] for images in [0, 1].

    Args:
        prior: A prior of images.
        x: Noisy images (B, C, H, W).
        sigma: The standard deviation of their noise, in units of [0, 1]; levels that the model
            does not know become the nearest one that it knows.

    Returns:
        The denoised images (B, C, H, W).
    """
    t = x.new_full((len(x),), time_of(prior, sigma * slope(prior, x), x))
    alpha, _ = prior.schedule(t)
    u = alpha[:, None, None, None] * prior.normalise(x)
    return prior.restore(prior.denoise(u, t))
