"""The decoder of a variational autoencoder as a generator: G(z) = sigmoid of its last layer.

Bora, Jalal, Price, Dimakis, 2017, arXiv:1703.03208, search the input of such a decoder, of 20
numbers and two layers of 500, on MNIST.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from invprob.errors import BadWeights
from invprob.generator import Generator
from invprob.io import tensor_files
from invprob.weights import store
from invprob_csgm.vae.network import Decoder, Size, seeded
from invprob_csgm.vae.params import VAEParams

KIND = "vae"


class VAE(Generator[Tensor]):
    """Images from z ~ N(0, I), a stage for each layer.

    Args:
        decoder: The network.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.depth = len(decoder.layers)
        self.image_shape = decoder.size.image_shape

    @classmethod
    def from_params(cls, params: VAEParams) -> Self:
        """The generator that parameters describe, as the registry makes it.

        Args:
            params: The parameters.

        Returns:
            The generator, on the CPU.

        Raises:
            BadParams: If the weights of these sizes take more than 2 GiB.
            BadWeights: If a file is missing, damaged or not a decoder.
        """
        if params.weights is not None:
            return cls(load(store.locate(params.weights, Path(__file__).parent), params.sha256))
        size = Size(params.image_shape, params.latent, params.hidden)
        made = cls(seeded(size, 0)[1])
        made.assumed = "no weights were given, so they are random"
        return made

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        like = next(self.decoder.parameters())
        return torch.randn(batch, self.decoder.size.latent, generator=rng).to(like)

    def stage(self, k: int, x: Tensor) -> Tensor:
        if not 1 <= k <= self.depth:
            raise ValueError(f"stage {k} of a generator of depth {self.depth}")
        out = self.decoder.layer(k, x)
        return out.sigmoid() if k == self.depth else out

    def reference(self, z: Tensor) -> Tensor:
        """The image in one piece.

        Args:
            z: Inputs (B, latent).

        Returns:
            Images (B, C, H, W) in [0, 1].
        """
        image: Tensor = self.decoder(z).sigmoid()
        return image


def save(path: Path, decoder: Decoder, about: Mapping[str, object]) -> None:
    """Write a decoder.

    Args:
        path: The file, safetensors in float16.
        decoder: The decoder.
        about: How it was made, kept beside the weights.
    """
    tensors = {k: v.to(torch.float16) for k, v in decoder.state_dict().items()}
    size = dataclasses.asdict(decoder.size)
    tensor_files.write(path, tensors, {**about, "kind": KIND, "size": size})


def load(path: Path, expected: str | None = None) -> Decoder:
    """Read what `save` wrote.

    Args:
        path: The file.
        expected: Its SHA-256, checked if given.

    Returns:
        The decoder, in float32.

    Raises:
        BadWeights: If the file is missing, damaged or not a decoder.
    """
    tensors, metadata = tensor_files.read(path, expected)
    if metadata.get("kind") != KIND:
        raise BadWeights(f"weights {path} are not a VAE", "give a file of invprob train vae")
    try:
        fields = json.loads(metadata["size"])
        channels, height, width = map(int, fields["image_shape"])
        hidden = tuple(map(int, fields["hidden"]))
        decoder = seeded(Size((channels, height, width), int(fields["latent"]), hidden), 0)[1]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadWeights(f"weights {path} describe no VAE: {error}", "") from None
    tensor_files.fill(decoder, tensors, path)
    return decoder
