"""Style codes in the form in which they are nearly Gaussian, which replaces the mapping network.

    w = LeakyReLU₀.₂(std ⊙ v + mean)

The mapping network ends in a leaky ReLU; what enters it is close to normal, with one mean and
spread per channel (Menon et al., PULSE, 2020, arXiv:2003.03808). ILO and SGILO optimise v.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob import conversion, seeds, shelf, weights
from invprob.converter import Converted, Converter
from invprob.errors import BadWeights
from invprob_sgilo.published_tensors import Rule, renamed

KIND = "gaussian-fit"
DRAWS = 100_000
SLOPE = 0.2


class GaussianFit(Converter):
    """Reads `gaussian_fit.pt`, a dictionary of `mean` and `std`."""

    def recognise(self, tree: Any) -> bool:
        return isinstance(tree, dict) and set(tree) == {"mean", "std"}

    def convert(self, tree: Any) -> Converted:
        mean = tree["mean"]
        channels = len(mean) if isinstance(mean, Tensor) and mean.dim() == 1 else 0
        what = f"Gaussian fit of {channels} code channels"
        tensors = renamed([Rule(k, (channels,), k) for k in ("mean", "std")], tree, what)
        if not channels or not bool((tensors["std"] > 0).all()):
            raise BadWeights("there is no std, or one that is not positive", "")
        return Converted(what, tensors, {"kind": KIND})


def read(path: Path, channels: int) -> tuple[Tensor, Tensor]:
    """(mean, std), each (channels,), of a file of ours or a published one; raises `BadWeights`."""
    tensors, metadata = conversion.read(path)
    if metadata.get("kind") != KIND:
        raise BadWeights(f"{path} is no Gaussian fit of style codes", "give a gaussian_fit.pt")
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
    kept = shelf.folder().parent / "gaussian-fit" / f"{weights.sha256(source)}.safetensors"
    if kept.is_file():
        tensors, _ = weights.read(kept)
        return tensors["mean"], tensors["std"]
    mean, std = fit(mapping, inputs)
    kept.parent.mkdir(parents=True, exist_ok=True)
    about = {"kind": KIND, "source": source.name, "draws": DRAWS}
    weights.write(kept, {"mean": mean, "std": std}, about)
    return mean, std


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
