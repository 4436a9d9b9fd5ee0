"""Priors: one capability, one class; a prior inherits those it has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic

import torch
from torch import Tensor, nn

from invprob import tree
from invprob.errors import BadInput, BadParams
from invprob.generator import Generator, X
from invprob.global_state.torch_state import standardise

if TYPE_CHECKING:
    from invprob.gaussian.factors import Factors


class Prior(nn.Module, ABC, Generic[X]):
    """A distribution over the latents X of one stage; over images where there is no generator.

    A prior of images sets `image_shape`. Several priors of one problem are independent.
    """

    image_shape: tuple[int, int, int] | None = None
    """(C, H, W) of the images that a prior of images is over; None: any size, grey or RGB."""

    assumed: str = ""
    """What was assumed because the file of the weights does not say it, in words."""

    chosen: Mapping[str, str] = MappingProxyType({})
    """Parameters that were left to the machine, as it has chosen them."""

    representation_error: Factors | None = None
    """What pictures have beyond the images that the generator makes of latents; None: not known."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        standardise(cls, "__init__")


def over_images(name: str, generator: Generator[Any] | None) -> None:
    """Refuse a generator with latents, for a prior of images.

    Args:
        name: What the message calls the prior.
        generator: The generator that the prior is made for; None where there is none.

    Raises:
        BadInput: If the generator has latents.
    """
    if generator is not None and generator.depth > 0:
        raise BadInput(
            f"{name} is a prior over images, not over the latents of a generator",
            "leave out --generator",
        )


class LogDensity(Prior[X]):
    """A prior whose density can be evaluated."""

    @abstractmethod
    def log_density(self, x: X) -> Tensor:
        """log p(x) in nats, up to a constant; batch elements are independent.

        Args:
            x: Latents, batch first.

        Returns:
            One number per latent, (B,).
        """


class Score(Prior[X]):
    """A diffusion model of u = normalise(x): marginals p_t of u_t = α_t u + σ_t ε, t ∈ [0, 1].

    Everything but `normalise` and `restore` speaks of u, the latent in the units that the model was
    trained in; σ at `t_min` is the least noise that it knows (Song et al., 2021, arXiv:2011.13456).
    """

    t_min: float = 0.0

    @abstractmethod
    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The signal and the noise at a time.

        Args:
            t: Times in [0, 1], (B,).

        Returns:
            (α_t, σ_t), each (B,).
        """

    @abstractmethod
    def score(self, u: X, t: Tensor) -> X:
        """s(u, t) = ∇ log p_t(u).

        Args:
            u: Noised latents u_t in the model's units, batch first.
            t: Times in [t_min, 1], (B,).

        Returns:
            A latent like u.
        """

    def normalise(self, x: X) -> X:
        """Bring latents to the model's units; affine, leaf by leaf and element by element.

        Args:
            x: Latents, batch first.

        Returns:
            u; by default x itself.
        """
        return x

    def restore(self, u: X) -> X:
        """The inverse of `normalise`.

        Args:
            u: Latents in the model's units, batch first.

        Returns:
            The latents x with normalise(x) = u.
        """
        return u

    def smoothed(self, u: X, t: Tensor) -> X:
        """The score, at u itself, of the distribution of u_0 + (σ_t/α_t) ε: α_t s(α_t u, t).

        Args:
            u: Latents in the model's units, batch first, not scaled by α.
            t: Times in [t_min, 1], (B,).

        Returns:
            A latent like u.
        """
        alpha, _ = self.schedule(t)
        return scaled(self.score(scaled(u, alpha), t), alpha)

    def denoise(self, u: X, t: Tensor) -> X:
        """E[u_0 | u_t] = (u_t + σ_t² s(u_t, t)) / α_t (Tweedie's formula).

        Args:
            u: Noised latents u_t in the model's units, batch first.
            t: Times in [t_min, 1], (B,).

        Returns:
            A latent like u.
        """
        alpha, sigma = self.schedule(t)

        def tweedie(leaf: Tensor, s: Tensor) -> Tensor:
            return (leaf + tree.per_element(sigma**2, leaf) * s) / tree.per_element(alpha, leaf)

        return tree.map(tweedie, u, self.score(u, t))

    def check_time(self, t: float, what: str) -> None:
        """Refuse a time at which there is less noise than the prior knows.

        Args:
            t: The time.
            what: What the message calls it.

        Raises:
            BadParams: If it is below `t_min`.
        """
        if t < self.t_min:
            raise BadParams(
                f"{what} {t:g} is below {self.t_min:.3g}, the least time that"
                f" {type(self).__name__} knows",
                f"give one from {self.t_min:.3g} to 1",
            )

    def noised(self, u: X, t: Tensor, noise: X) -> X:
        """u_t = α_t u + σ_t ε.

        Args:
            u: Latents u_0 in the model's units, batch first.
            t: Times in [0, 1], (B,).
            noise: ε, a latent like u of standard normal numbers.

        Returns:
            A latent like u.
        """
        alpha, sigma = self.schedule(t)
        return tree.map(torch.add, scaled(u, alpha), scaled(noise, sigma))


def scaled(u: X, factor: Tensor) -> X:
    """Multiply every leaf by one factor per batch element.

    Args:
        u: Latents, batch first.
        factor: Factors, (B,).

    Returns:
        A latent like u.
    """
    return tree.map(lambda leaf: tree.per_element(factor, leaf) * leaf, u)


class Denoiser(Score[X]):
    """A score given by its denoiser: the score follows by Tweedie's formula."""

    @abstractmethod
    def denoise(self, u: X, t: Tensor) -> X:
        """E[u_0 | u_t].

        Args:
            u: Noised latents u_t in the model's units, batch first.
            t: Times in [t_min, 1], (B,).

        Returns:
            A latent like u.
        """

    def score(self, u: X, t: Tensor) -> X:
        alpha, sigma = self.schedule(t)

        def tweedie(leaf: Tensor, mean: Tensor) -> Tensor:
            return (tree.per_element(alpha, leaf) * mean - leaf) / tree.per_element(sigma**2, leaf)

        return tree.map(tweedie, u, self.denoise(u, t))


class Proximal(Prior[X]):
    """A prior h = −log p with a proximal map."""

    @abstractmethod
    def prox(self, x: X, tau: float = 1.0) -> X:
        """argmin_u ½‖u − x‖² + τ h(u); a projection (τ idle) when h is an indicator.

        Args:
            x: Latents, batch first.
            tau: The step τ ≥ 0.

        Returns:
            A latent like x.
        """
