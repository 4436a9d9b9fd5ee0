"""Style codes in the form in which they are nearly Gaussian, which replaces the mapping network.

    w = LeakyReLU₀.₂(std ⊙ v + mean)

The mapping network ends in a leaky ReLU; what enters it is close to normal, with one mean and
spread per channel (Menon et al., PULSE, 2020, arXiv:2003.03808). ILO and SGILO optimise v.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob import seeds
from invprob.errors import BadWeights
from invprob.io import checksums
from invprob.weights import formats
from invprob.weights.estimates import kept

KIND = "gaussian-fit"
DRAWS = 100_000
SLOPE = 0.2


def read(path: Path, channels: int) -> tuple[Tensor, Tensor]:
    """(mean, std), each (channels,), of a file of ours or a published one; raises `BadWeights`."""
    tensors, metadata = formats.read(path)
    if metadata.get("kind") != KIND:
        raise BadWeights(f"{path} is not a Gaussian fit of style codes", "give a gaussian_fit.pt")
    if tensors["mean"].shape != (channels,):
        raise BadWeights(
            f"{path} is for codes of {len(tensors['mean'])} channels, not {channels}",
            "leave out gaussian=…, and it is computed",
        )
    return tensors["mean"], tensors["std"]


def fitted(mapping: Callable[[Tensor], Tensor], inputs: int, source: Path) -> tuple[Tensor, Tensor]:
    """The fit of a mapping network, computed on first use and kept beside the named weights.

    `source` is the file of the network, whose SHA-256 names what is kept.
    """

    def estimate() -> dict[str, Tensor]:
        mean, std = fit(mapping, inputs)
        return {"mean": mean, "std": std}

    tensors = kept(KIND, checksums.sha256(source), estimate, source=source.name, draws=DRAWS)
    return tensors["mean"], tensors["std"]


@torch.no_grad()
def fit(mapping: Callable[[Tensor], Tensor], inputs: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of what enters the last activation, over `DRAWS` inputs."""
    rng = seeds.stream("gaussian fit")
    total, square, seen = torch.zeros(()), torch.zeros(()), 0
    while seen < DRAWS:
        x = unactivated(mapping(torch.randn(1000, inputs, generator=rng))).double()
        total, square, seen = total + x.sum(0), square + x.square().sum(0), seen + len(x)
    mean = total / seen
    return mean.float(), (square / seen - mean**2).clamp_min(1e-12).sqrt().float()


def unactivated(w: Tensor) -> Tensor:
    """What enters the leaky ReLU that gives w."""
    return F.leaky_relu(w, 1 / SLOPE)


def codes(w: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """v of style codes w (…, channels)."""
    return (unactivated(w) - mean) / std


def styles(v: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """w of Gaussian codes v (…, channels)."""
    return F.leaky_relu(std * v + mean, SLOPE)
