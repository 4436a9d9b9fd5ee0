"""A Gaussian mixture with everything that solvers ask of a prior, in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob import tree
from invprob.diffusion import schedules
from invprob.prior import Denoiser, LogDensity


class GaussianMixture(Denoiser, LogDensity):
    """Σ_k w_k N(m_k, s² I) over vectors, whatever the shape they come in.

    One component is a normal distribution, two are two modes, and many narrow ones are a finite
    sample with the smoothed score of its atoms. Diffused it is Σ_k w_k N(α m_k, α² s² + σ²),
    variance preserving (Song et al., 2021, arXiv:2011.13456).

    Args:
        weights: w (K,), ≥ 0; they are divided by their sum.
        means: m (K, dim).
        std: s > 0, the standard deviation of every coordinate in every component.
    """

    t_min = 1e-3
    weights: Tensor
    means: Tensor

    def __init__(self, weights: Tensor, means: Tensor, std: float) -> None:
        super().__init__()
        self.register_buffer("weights", weights.double() / weights.sum())
        self.register_buffer("means", means.double())
        self.std = std

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return schedules.vp(t)

    def log_density(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        return torch.logsumexp(self._logits(flat, torch.ones_like(flat[:, 0]), self.std**2), 1)

    def denoise(self, u: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = self.schedule(t)
        flat = u.flatten(1)
        variance = (alpha * self.std) ** 2 + sigma**2
        share = self._logits(flat, alpha, variance[:, None]).softmax(1)
        gain = (alpha * self.std**2 / variance)[:, None]
        centre = share @ self.means.to(flat.dtype)
        return (centre + gain * (flat - alpha[:, None] * centre)).reshape(u.shape)

    def _logits(self, flat: Tensor, alpha: Tensor, variance: Tensor | float) -> Tensor:
        """log w_k N(flat; α m_k, variance) up to a constant, (B, K)."""
        centres = tree.per_element(alpha, flat[:, None]) * self.means.to(flat.dtype)
        gaps = (flat[:, None] - centres).square().sum(2)
        return self.weights.to(flat.dtype).log() - gaps / (2 * variance)

    def sample(self, rng: torch.Generator) -> Tensor:
        """Draw one vector.

        Args:
            rng: The stream to draw from.

        Returns:
            A vector (dim,) in double precision.
        """
        k = int(torch.multinomial(self.weights, 1, generator=rng))
        noise = torch.randn(self.means.shape[1], generator=rng, dtype=torch.float64)
        return self.means[k] + self.std * noise


class PixelMixture(GaussianMixture):
    """The distribution of images x = ½ + z; the diffusion is of u = 2x − 1.

    Args:
        codes: The distribution of z.
    """

    def __init__(self, codes: GaussianMixture) -> None:
        super().__init__(codes.weights, 2 * codes.means, 2 * codes.std)

    def normalise(self, x: Tensor) -> Tensor:
        return 2 * x - 1

    def restore(self, u: Tensor) -> Tensor:
        return (u + 1) / 2

    def log_density(self, x: Tensor) -> Tensor:
        return super().log_density(2 * x - 1)
