"""Noise: the distribution of a measurement. The object that simulates is the one that scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from invprob.errors import Incompatible
from invprob.global_state.torch_state import standardise


class Noise(nn.Module, ABC):
    """The distribution of a measurement y around the noiseless A(x).

    Levels are in units of [0, 1], the range of images: half of what papers that work in [−1, 1]
    write.

    Attributes:
        exact: Whether nothing is added: y = A(x), to the last bit.
    """

    exact: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        standardise(cls, "__init__", "sample")

    @abstractmethod
    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        """Draw a measurement.

        Args:
            clean: A(x) of one image, without a batch dimension.
            rng: The generator of the random numbers, on the CPU.

        Returns:
            y, of the shape, precision and device of `clean`.
        """

    @abstractmethod
    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        """log p(y | clean) in nats, up to a constant in `clean`.

        Args:
            y: Measurements (B, …).
            clean: A(x), of the shape of y.

        Returns:
            One number per measurement, (B,).
        """

    @abstractmethod
    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        """The squared standardised residual, averaged over the measurement.

        Args:
            y: Measurements (B, …).
            clean: A(x), of the shape of y.

        Returns:
            One number per measurement, (B,): 1 where x explains y up to its noise.
        """

    @abstractmethod
    def scale(self, y: Tensor) -> Tensor:
        """The standard deviation of each entry of y, estimated from y.

        Args:
            y: Measurements (B, …).

        Returns:
            Standard deviations in units of [0, 1], of the shape of y.
        """

    def edge_scale(self, y: Tensor) -> Tensor:
        """The standard deviation with which the likelihood of an entry of y falls where it falls.

        It is less than `scale` where many values of A(x) explain y alike, as behind a sensor that
        rounds: among them the prior decides, and what it leaves undecided is no noise.

        Args:
            y: Measurements (B, …).

        Returns:
            Standard deviations in units of [0, 1], of the shape of y; by default those of `scale`.
        """
        return self.scale(y)

    def validate(self, y: Tensor) -> None:
        """Refuse measurements that this noise cannot give.

        Args:
            y: Measurements (B, …), finite.

        Raises:
            BadInput: If there are such values, with what to do.
        """
        return


class WhiteNoise(Noise):
    """y = clean + σ ε with independent standard normal ε.

    Args:
        sigma: The standard deviation σ > 0, in units of [0, 1].
    """

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        return clean + self.sigma * torch.randn(clean.shape, generator=rng).to(clean)

    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        return -0.5 * ((y - clean) / self.sigma).square().flatten(1).sum(1)

    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        return (y - clean).div_(self.sigma).square().flatten(1).mean(1)

    def scale(self, y: Tensor) -> Tensor:
        return torch.full_like(y, self.sigma)


class UnknownNoise(Noise):
    """The noise of an operator that was built without one: to use it is an `Incompatible` error.

    Args:
        owner: What the message calls the operator.
    """

    def __init__(self, owner: str) -> None:
        super().__init__()
        self.owner = owner

    def _refuse(self) -> NoReturn:
        raise Incompatible(
            f"the operator {self.owner} was built without a noise model",
            "give it noise=…, e.g. noise=GaussianNoise(0.02), or call with_noise(…)",
        )

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        self._refuse()

    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        self._refuse()

    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        self._refuse()

    def scale(self, y: Tensor) -> Tensor:
        self._refuse()


class NoiseToEstimate(UnknownNoise):
    """A noise whose parameters a measurement tells; what can be used is made with them.

    Args:
        name: The text that asks for it, ``gaussian:sigma=auto``.
    """

    @abstractmethod
    def estimate(self, picture: Tensor, known: Tensor) -> dict[str, float]:
        """Estimate the parameters.

        Args:
            picture: What was measured, (C, h, w) in units of [0, 1].
            known: Booleans (h, w): where it was.

        Returns:
            Parameters by name.

        Raises:
            BadInput: If the measurement does not tell them.
        """

    def _refuse(self) -> NoReturn:
        raise Incompatible(
            f"the noise {self.owner} is estimated from a measurement, and there is none",
            "give --measurement FILE, or a number",
        )
