"""An encoder: from pictures to the input code and to the latent of one stage of a StyleGAN-2.

It is trained beside its generator (`invprob train generator --set reconstruction=…`). A prior can
then learn the latents of real pictures, without the hours that inverting them would take.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from invprob.errors import BadParams, BadWeights
from invprob.io import checksums, tensor_files
from invprob_sgilo.stylegan2.layers import LEAKY_GAIN, Conv, Linear, ResidualBlock, leaky
from invprob_sgilo.stylegan2.network import Architecture, Carry

KIND = "stylegan2-encoder"


class Encoder(nn.Module):
    """Images (B, C, R, R) in [0, 1] ↦ z (B, z_dim) and the latent of a stage.

    The leaves of the latent are found in units of their channels' own spread, so that the network
    starts near what the generator makes; `follow` keeps these units up to date.

    Args:
        arch: The generator's architecture.
        stage: The stage, from 1 to the generator's depth − 1.
        seed: Seed of the initial weights.
    """

    generator_sha256: str | None = None
    """Of the weights that it was trained for, where its file says so."""

    def __init__(self, arch: Architecture, stage: int, seed: int = 2) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.arch, self.stage = arch, stage
        # stage 1 is style codes alone: no features, and no side that has them
        self.side = arch.resolutions[stage - 2] if stage > 1 else 0
        self.used = max(0, 2 * stage - 3)
        self.codes = 2 * len(arch.resolutions) - self.used
        widths = [arch.width(r) for r in reversed(arch.resolutions)]
        self.from_rgb = Conv(arch.channels, widths[0], 1, rng)
        self.blocks = nn.ModuleList(ResidualBlock(a, b, rng) for a, b in itertools.pairwise(widths))
        sizes = {"w": arch.w_dim}
        if self.side:
            width = arch.width(self.side)
            self.features = Conv(width, width, 3, rng)
            self.to_features = Conv(width, width, 1, rng)
            self.to_rgb = Conv(width, arch.channels, 1, rng)
            sizes |= {"h": width, "rgb": arch.channels}
        self.leaves = tuple(sizes)
        self.hidden = Linear(widths[-1] * 16, 2 * widths[-1], rng)
        self.to_z = Linear(2 * widths[-1], arch.z_dim, rng)
        self.to_codes = Linear(2 * widths[-1], self.codes * arch.w_dim, rng)
        for name, size in sizes.items():
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    @classmethod
    def pretrained(cls, path: Path) -> Self:
        """The encoder of a file, on the CPU, in evaluation mode and without gradients.

        Args:
            path: The ``encoder.safetensors`` of a training.

        Returns:
            The encoder.

        Raises:
            BadWeights: If the file is missing, damaged or not an encoder.
        """
        tensors, metadata = tensor_files.read(path)
        if metadata.get("kind") != KIND:
            raise BadWeights(f"weights {path} are not an encoder", "see invprob train generator")
        try:
            arch = Architecture(**json.loads(metadata["architecture"]))
            encoder = cls(arch, json.loads(metadata["stage"]))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise BadWeights(f"weights {path} describe no encoder: {error}", "") from None
        encoder.generator_sha256 = metadata.get("generator_sha256")
        tensor_files.fill(encoder, tensors, path)
        return encoder.eval().requires_grad_(False)

    @classmethod
    def of(cls, arch: Architecture, path: Path, stage: int, source: Path | None = None) -> Self:
        """The encoder of a file, checked to find latents of a generator that lead to a stage.

        Args:
            arch: The generator's architecture.
            path: The ``encoder.safetensors`` of a training.
            stage: The stage whose latents are wanted.
            source: The file of the generator's weights, where there is one.

        Returns:
            The encoder, of this stage or an earlier one.

        Raises:
            BadParams: If it is of another architecture, of a later stage, or was trained for other
                weights; an encoder that was trained beside its generator does not know them.
            BadWeights: If the file is missing, damaged or not an encoder.
        """
        encoder = cls.pretrained(path)
        if encoder.arch != arch or encoder.stage > stage:
            raise BadParams(
                f"encoder {path} finds latents of stage {encoder.stage} of another generator, or of"
                f" one after stage {stage}",
                "give the encoder that was trained for the generator, and its stage or a later",
            )
        known = encoder.generator_sha256
        if known is not None and source is not None and checksums.sha256(source) != known:
            raise BadParams(
                f"encoder {path} was trained for other weights than {source}",
                f"train one: invprob train encoder PICTURES --generator {source} --out DIR",
            )
        return encoder

    @torch.no_grad()
    def begin(self, other: Encoder) -> None:
        """Take the layers of another encoder that have the same name and size.

        Args:
            other: The encoder of another stage.
        """
        own, given = self.state_dict(), other.state_dict()
        fits = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
        self.load_state_dict({**own, **fits})

    def save(self, path: Path, metadata: Mapping[str, object]) -> None:
        """Write the weights as float16 to a file that `pretrained` reads.

        Args:
            path: The file, .safetensors.
            metadata: How the weights were made.
        """
        tensors = {k: v.to(torch.float16) for k, v in self.state_dict().items()}
        about = {"kind": KIND, "architecture": dataclasses.asdict(self.arch), "stage": self.stage}
        tensor_files.write(path, tensors, {**metadata, **about})

    def forward(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The codes of images.

        Args:
            image: Images (B, C, R, R) in [0, 1].

        Returns:
            z, and the leaves ``w``, from stage 2 on ``h`` and ``rgb`` as well, of the stage's
            latent in units of spread.
        """
        image = (image * 2 - 1).contiguous(memory_format=torch.channels_last)
        x = leaky(self.from_rgb(image, LEAKY_GAIN))
        found: dict[str, Tensor] = {}
        for block in self.blocks:
            x = block(x)
            if x.shape[-1] == self.side:
                y = leaky(self.features(x, LEAKY_GAIN))
                found |= {"h": self.to_features(y).float(), "rgb": self.to_rgb(y).float()}
        y = leaky(self.hidden(x.float().flatten(1), LEAKY_GAIN))
        found["w"] = self.to_codes(y).reshape(len(y), self.codes, -1).float()
        return self.to_z(y).float(), found

    def latent(self, u: Mapping[str, Tensor], noise: tuple[Tensor, ...]) -> Carry:
        """The latent of leaves in units of spread.

        Args:
            u: The leaves, as `forward` finds them.
            noise: All noise maps of the generator; those that the stage has used up are left out.

        Returns:
            The latent of the stage.
        """
        leaf = {n: v * self._across(n, "std") + self._across(n, "mean") for n, v in u.items()}
        noise = noise[self.used :]
        return Carry(w=leaf["w"], noise=noise, h=leaf.get("h"), rgb=leaf.get("rgb"))

    def _across(self, name: str, what: str) -> Tensor:
        moment = self.get_buffer(f"{name}_{what}")
        return moment if name == "w" else moment[:, None, None]

    def moments(self) -> list[Tensor]:
        """The units of spread: mean and standard deviation of each leaf's channels."""
        return [self.get_buffer(f"{n}_{what}") for n in self.leaves for what in ("mean", "std")]

    @torch.no_grad()
    def follow(self, x: Carry, share: float) -> None:
        """Move the units of spread towards those of latents that the generator made.

        Args:
            x: Latents of the stage.
            share: The share of the way, in [0, 1].
        """
        for name in self.leaves:
            leaf = getattr(x, name).float()
            dims = (0, 1) if name == "w" else (0, 2, 3)
            self.get_buffer(f"{name}_mean").lerp_(leaf.mean(dims), share)
            self.get_buffer(f"{name}_std").lerp_(leaf.std(dims).clamp_min(1e-4), share)
