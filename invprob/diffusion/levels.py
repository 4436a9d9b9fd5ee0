"""Noise levels of a score model: which time has a level, and what it denoises images to there."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from invprob.prior import Score

HALVINGS = 40


def times_of(prior: Score[Tensor], levels: Sequence[float], like: Tensor) -> list[float]:
    """The times at which the noise over the signal, σ_t/α_t, has some values; by bisection.

    Args:
        prior: The model, of which the schedule is used.
        levels: Values of σ_t/α_t > 0, in the model's units.
        like: A tensor of the right precision and device.

    Returns:
        Times in [t_min, 1]: the nearest end where no time has a level.
    """
    # all at once, since a solver asks for a hundred at every step; double precision on the CPU
    wanted = torch.tensor(levels, dtype=torch.float64, device="cpu")
    low, high = torch.full_like(wanted, prior.t_min), torch.ones_like(wanted)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        alpha, sigma = prior.schedule(middle.to(like))
        below = (sigma / alpha).to(wanted) < wanted
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return torch.where(wanted > 0, high, prior.t_min).tolist()


def slope(prior: Score[Tensor], x: Tensor) -> float:
    """How many of the model's units are one of [0, 1], the mean slope of `normalise`.

    Args:
        prior: A prior of images.
        x: Images (B, C, H, W), of which shape, precision and device are used.
    """
    one = torch.ones_like(x[:1])
    return float((prior.normalise(one) - prior.normalise(torch.zeros_like(one))).mean())


def denoised(prior: Score[Tensor], x: Tensor, sigma: float | Tensor) -> Tensor:
    """E[x_0 | x_0 + σ ε = x] for images in [0, 1].

    Args:
        prior: A prior of images.
        x: Noisy images (B, C, H, W).
        sigma: The standard deviation of their noise, in units of [0, 1], one for all or (B,);
            levels that the model does not know become the nearest one that it knows.

    Returns:
        The denoised images (B, C, H, W).
    """
    wanted = torch.as_tensor(sigma, dtype=torch.float64, device="cpu").expand(len(x))
    t = x.new_tensor(times_of(prior, (wanted * slope(prior, x)).tolist(), x))
    alpha, _ = prior.schedule(t)
    u = alpha[:, None, None, None] * prior.normalise(x)
    return prior.restore(prior.denoise(u, t))
