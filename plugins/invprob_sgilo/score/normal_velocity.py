"""The velocity of a normal distribution: what a score says before its network adds to it.

Latents lie near a surface of few dimensions. In most directions there is only noise, which the
score must take away, and a network that is narrower than its tokens cannot carry so many. So the
distribution is first taken to be normal with the covariance U Λ Uᵀ + δ (1 − U Uᵀ) (Tipping and
Bishop, 1999), whose score is known; at high noise it is nearly that of any distribution (Wang and
Vastola, 2023, arXiv:2311.10892).

A network's error along a direction of large variance moves samples far, since little pulls them
back. What it adds is therefore scaled, direction by direction, by the spread that the score of the
normal distribution has: then an error moves samples by the same part of their spread everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SMALLEST = 1e-4
"""The least variance that is believed, in units of a channel's own."""


class NormalVelocity(nn.Module):
    """v = E[α ε − σ u₀ | α u₀ + σ ε] with α² + σ² = 1 for a normal u₀; at first a standard one.

    Args:
        dim: The numbers of a latent, D.
        rank: How many directions have a variance of their own, at most D.
    """

    mean: Tensor
    basis: Tensor
    variances: Tensor
    variance_beyond: Tensor

    def __init__(self, dim: int, rank: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("basis", torch.zeros(dim, rank))
        self.register_buffer("variances", torch.ones(rank))
        self.register_buffer("variance_beyond", torch.ones(1))

    def fit(self, x: Tensor) -> None:
        """Take mean and covariance from latents.

        Args:
            x: Latents (N, D), on any device; directions beyond the first N − 1 share one variance.
        """
        x = x.to(self.mean)
        self.mean.copy_(x.mean(0))
        centred = x - self.mean
        rank = min(self.basis.shape[1], len(x) - 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            _, s, basis = torch.svd_lowrank(centred, min(rank + 8, *x.shape), niter=4)
        found = s[:rank].square() / (len(x) - 1)
        left = centred.square().sum() / (len(x) - 1) - found.sum()
        self.basis[:, :rank] = basis[:, :rank]
        self.variances[:rank] = found.clamp_min(SMALLEST)
        self.variance_beyond.copy_((left / max(1, x.shape[1] - rank)).clamp_min(SMALLEST))

    def forward(self, u: Tensor, added: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Estimate v.

        Args:
            u: Noised latents (B, D).
            added: What a network adds to the velocity of the normal distribution, (B, D), in units
                of what is expected of it.
            alpha: α, (B, 1).
            sigma: σ, (B, 1), with α² + σ² = 1.

        Returns:
            v, (B, D).
        """

        def noised(variance: Tensor) -> Tensor:
            return alpha**2 * variance + sigma**2

        def gain(variance: Tensor) -> Tensor:
            return alpha * sigma * (1 - variance) / noised(variance)

        def unit(variance: Tensor) -> Tensor:
            return sigma * noised(variance).rsqrt()

        # where the network is in bfloat16: the gain is large, and its argument small
        with torch.autocast(u.device.type, torch.bfloat16, enabled=False):
            r, added = (x.float() if x.dtype == torch.bfloat16 else x for x in (u, added))
            r = r - alpha * self.mean
            along = (gain(self.variances) - gain(self.variance_beyond)) * (r @ self.basis)
            along = along + (unit(self.variances) - unit(self.variance_beyond)) * (
                added @ self.basis
            )
            found: Tensor = (
                gain(self.variance_beyond) * r
                + unit(self.variance_beyond) * added
                + along @ self.basis.T
            )
        return found - sigma * self.mean
