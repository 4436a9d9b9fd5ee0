"""A generator of random weights, G(z) = relu(W_d … relu(W_1 z)) with W_i of N(0, 2/n_i).

Hand, Voroninski, Global guarantees for enforcing deep generative priors by empirical risk, 2018,
arXiv:1705.07576. With this variance every layer keeps the length of its input on average.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor

from invprob import seeds
from invprob.errors import BadParams
from invprob.generator import Generator
from invprob.params import Configurable
from invprob_theory.params import RandomReLUParams

LARGEST = 2 * 2**30
"""Bytes of weights beyond which the generator is refused."""


class RandomReLU(Generator[Tensor], Configurable):
    """A stage per layer; x_k is a vector (B, n_k), and the last stage reshapes it to an image.

    Raises:
        BadParams: If a parameter is out of its range, or the weights take more than 2 GiB.
    """

    params_type = RandomReLUParams

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__()
        params: RandomReLUParams = self.read(*args, **values)
        self.image_shape = params.image_shape
        self.depth = params.depth
        self.widths = widths(params)
        """(k, n_1, …, n_d): the lengths of the input and of every layer's output."""

        layers = list(itertools.pairwise(self.widths))
        size = 4 * sum(n * before for before, n in layers)
        if size > LARGEST:
            raise BadParams(
                f"random-relu: weights of widths {', '.join(map(str, self.widths))} take"
                f" {size / 2**30:.1f} GiB",
                "give a smaller image_shape, or smaller widths",
            )
        for i, (before, n) in enumerate(layers, 1):
            rng = seeds.stream(params.seed, "random-relu", i)
            weight = torch.randn(n, before, generator=rng) * math.sqrt(2 / n)
            self.register_buffer(f"weight{i}", weight)

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        """Draw inputs of N(0, I).

        Args:
            batch: Number of inputs.
            rng: Where the numbers come from.

        Returns:
            The inputs, (batch, k).
        """
        weight = self.get_buffer("weight1")
        return torch.randn(batch, self.widths[0], generator=rng).to(weight)

    def stage(self, k: int, x: Tensor) -> Tensor:
        """Apply layer k.

        Args:
            k: Number of the layer, from 1 to the depth.
            x: Output of the layer before, (B, n_{k−1}).

        Returns:
            relu(W_k x), (B, n_k); of the last layer the image (B, C, H, W).

        Raises:
            ValueError: If there is no such layer.
        """
        if not 1 <= k <= self.depth:
            raise ValueError(f"stage {k} of a generator of depth {self.depth}")
        out = torch.relu(x @ self.get_buffer(f"weight{k}").T)
        return out.reshape(-1, *self.image_shape) if k == self.depth else out


def widths(params: RandomReLUParams) -> tuple[int, ...]:
    """Lay out the lengths of the input and of every layer's output.

    Args:
        params: What was asked for; without widths, every layer widens by the same factor.

    Returns:
        k, n_1, …, n_d; n_d is the number of values of the image.
    """
    k, last = params.latent, math.prod(params.image_shape)
    between = params.widths
    if between is None:
        factor = (last / k) ** (1 / params.depth)
        between = tuple(max(1, round(k * factor**i)) for i in range(1, params.depth))
    return (k, *between, last)
