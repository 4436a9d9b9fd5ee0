"""Operators: y = A(x) + noise, of which the operator owns both."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

import torch
from torch import Tensor, nn

from invprob.errors import BadInput
from invprob.global_state.torch_state import standard, standardise
from invprob.noise import Noise, UnknownNoise
from invprob.operator import measured


class Operator(nn.Module, ABC):
    """A measurement process y = A(x) + noise; what it draws, it draws once, from its own seed.

    A subclass sets `in_shape` and `out_shape`, those of one image and of one measurement.

    Args:
        noise: The noise that `measure` adds and `log_likelihood` assumes. It may be left out where
            only A is used, or where `with_noise` follows.

    Raises:
        BadInput: If `noise` is not a `Noise`.
    """

    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    noise: Noise
    found: Mapping[str, Tensor] = MappingProxyType({})
    """Parameters that were found in the picture of a measurement, as pictures (H, W): a run folder
    keeps them as files, which stand for the parameters when the run goes on."""
    is_sensor: bool = False
    """Whether it records what the noise was added to, as rounding does; then it stands last."""
    symmetric: bool = False
    """Whether turning an image by 180°, and shifting it within its black border, leave its
    measurement as it is, channel by channel; then results are compared with the truth up to turns
    and shifts (on the circle) too."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        standardise(cls, "__init__", "measure")

    def __init__(self, noise: Noise | None = None) -> None:
        super().__init__()
        self.noise = UnknownNoise(type(self).__name__) if noise is None else _checked(noise)

    def with_noise(self, noise: Noise) -> Self:
        """The same operator with another noise.

        Args:
            noise: The noise of the new operator.

        Returns:
            A new operator that shares the tensors of this one; this one stays as it is.

        Raises:
            BadInput: If `noise` is not a `Noise`.
        """
        other = copy.copy(self)
        for table in ("_parameters", "_buffers", "_modules"):  # which a shallow copy would share
            vars(other)[table] = dict(vars(self)[table])
        other.noise = other.recorded(_checked(noise))
        return other

    def recorded(self, noise: Noise) -> Noise:
        """The noise of measurements, where `noise` is added before a sensor records the sum.

        Args:
            noise: The noise that is added to A(x).

        Returns:
            The distribution of what is recorded around A(x); `noise` where it is recorded as it is.

        Raises:
            Incompatible: If the distribution is not known for this noise.
        """
        return noise

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """A(x), differentiable; batch elements are independent.

        Args:
            x: Images (B, *in_shape).

        Returns:
            Noiseless measurements (B, *out_shape), of the precision of x.
        """

    @standard()
    def measure(self, x: Tensor, rngs: Sequence[torch.Generator]) -> Tensor:
        """Simulate measurements A(x) + noise.

        Args:
            x: Images (B, *in_shape) in [0, 1].
            rngs: One random generator per image: element b draws its noise from rngs[b].

        Returns:
            y, (B, *out_shape).

        Raises:
            Incompatible: If the operator was built without a noise.
        """
        clean = self(x)
        rows = [self.noise.sample(c, rng) for c, rng in zip(clean, rngs, strict=True)]
        return torch.stack(rows)

    def log_likelihood(self, y: Tensor, x: Tensor) -> Tensor:
        """log p(y | x) in nats, up to a constant.

        Args:
            y: Measurements (B, *out_shape).
            x: Images (B, *in_shape).

        Returns:
            One number per image, (B,).

        Raises:
            Incompatible: If the operator was built without a noise.
        """
        return self.noise.log_prob(y, self(x))

    def chi2(self, y: Tensor, x: Tensor) -> Tensor:
        """The mean squared residual y − A(x) in units of the noise.

        Args:
            y: Measurements (B, *out_shape).
            x: Images (B, *in_shape).

        Returns:
            One number per image, (B,): 1 is the noise level.

        Raises:
            Incompatible: If the operator was built without a noise.
        """
        return self.noise.chi2(y, self(x))

    def observed(self, y: Tensor) -> Tensor:
        """A picture of measurements for people to look at.

        An operator whose measurement is not a picture overrides this, or shows grey.

        Args:
            y: Measurements (B, *out_shape).

        Returns:
            Pictures (B, C, h, w); y itself if it is one.
        """
        return y if y.dim() == 4 else torch.full((len(y), *self.in_shape), 0.5)

    @property
    def picture_shape(self) -> tuple[int, ...] | None:
        """The shape (C, h, w) of pictures that `from_picture` takes; None where it takes none."""
        return tuple(self.out_shape) if len(self.out_shape) == 3 else None

    def from_picture(self, picture: Tensor) -> Tensor:
        """The measurement that a picture holds.

        Args:
            picture: (B, 1 or 3, h, w) in [0, 1], of the size that `picture_shape` tells.

        Returns:
            y, (B, *out_shape).

        Raises:
            BadInput: If measurements are not pictures, or are of another size.
        """
        name, shape = type(self).__name__, self.picture_shape
        return measured.of_picture(picture, shape, tuple(self.out_shape), name)


def _checked(noise: Noise) -> Noise:
    if not isinstance(noise, Noise):
        raise BadInput(
            f"noise is {noise!r}, which is not a noise model", "e.g. noise=GaussianNoise(0.02)"
        )
    return noise
