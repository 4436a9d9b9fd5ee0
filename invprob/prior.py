"""Priors: one capability, one class; a prior inherits those it has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from invprob import tree


class Prior(nn.Module, ABC):
    """A law over the latent of one stage."""


class LogDensity(Prior):
    """A prior whose density can be evaluated."""

    @abstractmethod
    def log_density(self, x: Any) -> Tensor:
        """log p(x) up to a constant, of shape (B,); batch elements are independent."""


class Score(Prior):
    """A diffusion model of u = normalise(x): marginals p_t of u_t = α_t u + σ_t ε, t ∈ [0, 1].

    Everything but `normalise` and `restore` speaks of u, the latent in the units that the model was
    trained in; σ at `t_min` is the least noise that it knows.
    """

    t_min: float = 0.0

    @abstractmethod
    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """(α_t, σ_t), each of shape (B,), for t of shape (B,)."""

    @abstractmethod
    def score(self, u: Any, t: Tensor) -> Any:
        """s(u, t) = ∇ log p_t(u), a tree like u."""

    def normalise(self, x: Any) -> Any:
        """u of a latent x; by default x itself. Affine, leaf by leaf and element by element."""
        return x

    def restore(self, u: Any) -> Any:
        """The latent x with normalise(x) = u."""
        return u

    def smoothed(self, u: Any, t: Tensor) -> Any:
        """∇ log of the law of u_0 + (σ_t/α_t) ε at u itself: α_t s(α_t u, t)."""
        alpha, _ = self.schedule(t)
        return scaled(self.score(scaled(u, alpha), t), alpha)

    def denoise(self, u: Any, t: Tensor) -> Any:
        """E[u_0 | u_t] = (u_t + σ_t² s(u_t, t)) / α_t (Tweedie's formula)."""
        alpha, sigma = self.schedule(t)

        def tweedie(leaf: Tensor, s: Tensor) -> Tensor:
            return (leaf + tree.per_element(sigma**2, leaf) * s) / tree.per_element(alpha, leaf)

        return tree.map(tweedie, u, self.score(u, t))

    def noised(self, u: Any, t: Tensor, noise: Any) -> Any:
        """u_t = α_t u + σ_t ε."""
        alpha, sigma = self.schedule(t)
        return tree.map(torch.add, scaled(u, alpha), scaled(noise, sigma))


def scaled(u: Any, factor: Tensor) -> Any:
    """Every leaf (B, …) times `factor` (B,)."""
    return tree.map(lambda leaf: tree.per_element(factor, leaf) * leaf, u)


class Denoiser(Score):
    """A score given by its denoiser: the score follows by Tweedie's formula."""

    @abstractmethod
    def denoise(self, u: Any, t: Tensor) -> Any:
        """E[u_0 | u_t]."""

    def score(self, u: Any, t: Tensor) -> Any:
        alpha, sigma = self.schedule(t)

        def tweedie(leaf: Tensor, mean: Tensor) -> Tensor:
            return (tree.per_element(alpha, leaf) * mean - leaf) / tree.per_element(sigma**2, leaf)

        return tree.map(tweedie, u, self.denoise(u, t))


class Proximal(Prior):
    """A prior h = −log p with a proximal map."""

    @abstractmethod
    def prox(self, x: Any, tau: float = 1.0) -> Any:
        """argmin_u ½‖u − x‖² + τ h(u); a projection (τ idle) when h is an indicator."""
