"""Priors: one capability, one class; a prior inherits those it has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

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
    """Marginals p_t of x_t = α_t x + σ_t ε, with t ∈ [0, 1] and σ at `t_min` the least noise."""

    t_min: float = 0.0

    @abstractmethod
    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """(α_t, σ_t), each of shape (B,), for t of shape (B,)."""

    @abstractmethod
    def score(self, x: Any, t: Tensor) -> Any:
        """s(x, t) = ∇ log p_t(x), a tree like x."""

    def smoothed(self, x: Any, t: Tensor) -> Any:
        """∇ log of the law of x_0 + (σ_t/α_t) ε at x itself: α_t s(α_t x, t)."""
        alpha, _ = self.schedule(t)

        def times_alpha(leaf: Tensor) -> Tensor:
            return tree.per_element(alpha, leaf) * leaf

        return tree.map(times_alpha, self.score(tree.map(times_alpha, x), t))

    def denoise(self, x: Any, t: Tensor) -> Any:
        """E[x_0 | x_t] = (x_t + σ_t² s(x_t, t)) / α_t (Tweedie's formula)."""
        alpha, sigma = self.schedule(t)

        def tweedie(leaf: Tensor, s: Tensor) -> Tensor:
            return (leaf + tree.per_element(sigma**2, leaf) * s) / tree.per_element(alpha, leaf)

        return tree.map(tweedie, x, self.score(x, t))


class Denoiser(Score):
    """A score given by its denoiser: the score follows by Tweedie's formula."""

    @abstractmethod
    def denoise(self, x: Any, t: Tensor) -> Any:
        """E[x_0 | x_t]."""

    def score(self, x: Any, t: Tensor) -> Any:
        alpha, sigma = self.schedule(t)

        def tweedie(leaf: Tensor, mean: Tensor) -> Tensor:
            return (tree.per_element(alpha, leaf) * mean - leaf) / tree.per_element(sigma**2, leaf)

        return tree.map(tweedie, x, self.denoise(x, t))


class Proximal(Prior):
    """A prior h = −log p with a proximal map."""

    @abstractmethod
    def prox(self, x: Any, tau: float = 1.0) -> Any:
        """argmin_u ½‖u − x‖² + τ h(u); a projection (τ idle) when h is an indicator."""


class Samplable(Prior):
    """A prior from which latents can be drawn."""

    @abstractmethod
    def sample(self, keys: list[int]) -> Any:
        """One latent per key; element b depends on keys[b] alone."""
