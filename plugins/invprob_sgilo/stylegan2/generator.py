"""StyleGAN-2 as a generator in stages (Karras et al., 2020, arXiv:1912.04958).

    x_0  input code z and all noise maps
    x_1  a style code per layer, and all noise maps          (the mapping network)
    x_2  features and image after the 4×4 block, and the codes and noise maps not yet used
    x_3  the same after the 8×8 block, and so on; the last stage returns the image

The picture is a sum of RGB skips, so a latent carries the image so far. Two options do as the
published ILO and SGILO: with `gaussianise`, x_1 and later hold codes v (gaussian_codes.py) instead
of w; `carry_rgb=False` drops the image so far whenever a stage restarts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping as Map
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from invprob.errors import BadParams, BadWeights, Incompatible
from invprob.generator import Generator
from invprob.weights import precision, store
from invprob_sgilo.bundled import BUNDLED, bundled_sha256
from invprob_sgilo.stylegan2 import gaussian_codes, network
from invprob_sgilo.stylegan2.checkpoint import load_weights, save_weights
from invprob_sgilo.stylegan2.encoder import Encoder
from invprob_sgilo.stylegan2.network import Architecture, Block, Carry, Code, Mapping
from invprob_sgilo.stylegan2.params import StyleGAN2Params

Latents: TypeAlias = "Code | Carry | Tensor"


class StyleGAN2(Generator[Latents]):
    """The generator; images are (B, channels, R, R), nominally in [0, 1], not clamped.

    `StyleGAN2.pretrained("faces64")` reads weights; the constructor draws them.

    Args:
        arch: What determines the shape of every weight.
        seed: The seed of the weights.
        truncation: Truncation ψ in [0, 1] of the style codes that stage 1 gives.
        carry_rgb: Keep the image so far when a stage restarts.
        noise: Noise maps drawn, or those that came with the weights.
        precision: Arithmetic of the synthesis network; published: float16 by `arch.half_from`.
        recompute: Compute blocks again for their gradients (gradient checkpointing).
        source: The weights file, beside which priors of the generator are found.

    Raises:
        BadWeights: If stored noise maps are asked for and there are none.
        ValueError: If there is no StyleGAN-2 of that resolution or number of channels.
    """

    latents = (Code, Carry)
    w_mean: Tensor
    code_mean: Tensor | None
    code_std: Tensor | None

    def __init__(
        self,
        arch: Architecture,
        seed: int = 0,
        *,
        truncation: float = 1.0,
        carry_rgb: bool = True,
        noise: Literal["random", "stored"] = "random",
        precision: Literal["float32", "bfloat16", "published"] = "float32",
        recompute: bool = False,
        source: Path | None = None,
    ) -> None:
        super().__init__()
        if arch.resolution not in [2**k for k in range(5, 11)] or arch.channels not in (1, 3):
            raise ValueError(f"no StyleGAN-2 of {arch.resolution} pixels, {arch.channels} channels")
        if noise == "stored" and not arch.noise_maps:
            weights = f"weights {source} hold" if source else "the weights hold"
            raise BadWeights(f"{weights} no noise maps", "leave out noise=stored")
        rng = torch.Generator().manual_seed(seed)
        self.arch = arch
        usual = {"truncation": 1.0, "carry_rgb": True, "noise": "random"}
        given = {"truncation": truncation, "carry_rgb": carry_rgb, "noise": noise}
        self.options = {name: value for name, value in given.items() if value != usual[name]}
        self.truncation = truncation
        self.carry_rgb = carry_rgb
        self.fixed_noise = noise == "stored"
        self.recompute = recompute
        self.dtype = network.PRECISIONS[precision]
        self.source = source
        self.image_shape = (arch.channels, arch.resolution, arch.resolution)
        self.codes = 2 * len(arch.resolutions)
        self.depth = 1 + len(arch.resolutions)
        self.mapping = Mapping(arch, rng)
        self.blocks = nn.ModuleList(Block(arch, r, rng) for r in arch.resolutions)
        self.register_buffer("w_mean", torch.zeros(arch.w_dim))
        self.register_buffer("code_mean", None)
        self.register_buffer("code_std", None)
        for i, shape in enumerate(arch.noise_shapes if arch.noise_maps else ()):
            self.register_buffer(f"noise_{i}", torch.zeros(shape))

    @classmethod
    def pretrained(cls, weights: str | Path = "faces64", **values: Any) -> Self:
        """The generator of bundled weights, of weights that were added by name, or of a file.

        Args:
            weights: ``"faces64"``, ``"fruits64"``, another name of `invprob weights list`, or the
                path of a file of ours or in a published format.
            values: Other parameters, as `invprob show generator stylegan2` lists them:
                `truncation`, `carry_rgb`, `codes`, `noise`, `precision`, `recompute`, …

        Returns:
            The generator, on the CPU, in evaluation mode and without gradients of its weights.

        Raises:
            BadParams: If a parameter is unknown or out of its range.
            BadWeights: If the file is missing, damaged or not a StyleGAN-2.
        """
        given = StyleGAN2Params.parse({"weights": str(weights), **values}, "StyleGAN2")
        return cls.from_params(given).eval().requires_grad_(False)

    @classmethod
    def from_params(cls, params: StyleGAN2Params, device: torch.device | None = None) -> Self:
        """The factory that the manifest names: `pretrained`, but for training mode and gradients.

        Args:
            params: All parameters at once.
            device: Where it will compute, for ``precision=auto``; None: on the CPU.

        Returns:
            The generator, on the CPU.
        """
        arithmetic = precision.fastest(device) if params.precision == "auto" else params.precision
        path = store.locate(params.weights, BUNDLED)
        make = partial(
            cls,
            truncation=params.truncation,
            carry_rgb=params.carry_rgb,
            noise=params.noise,
            precision=arithmetic,
            recompute=params.recompute,
            source=path,
        )
        generator = load_weights(path, make, params.sha256 or bundled_sha256(path))
        if params.codes == "gaussian" and params.gaussian == "auto":
            inputs = generator.arch.z_dim
            generator.gaussianise(*gaussian_codes.fitted(generator.mapping, inputs, path))
        elif params.codes == "gaussian":
            given = store.locate(params.gaussian, BUNDLED)
            generator.gaussianise(*gaussian_codes.read(given, generator.arch.w_dim))
        elif params.gaussian != "auto":
            raise BadParams("gaussian=… is for Gaussian codes", "say codes=gaussian as well")
        generator.chosen = network.use_kernels(
            generator.blocks, params.kernels, device, generator.dtype
        )
        if params.precision == "auto":
            generator.chosen = {"precision": arithmetic, **generator.chosen}
        if params.compile:
            network.compile_blocks(generator.blocks)
        return generator

    def save(self, path: Path, metadata: Map[str, object]) -> None:
        """Write the weights as float16 to a file that `pretrained` reads.

        Args:
            path: The file, .safetensors.
            metadata: How the weights were made.
        """
        save_weights(path, self.arch, self.state_dict(), metadata)

    def gaussianise(self, mean: Tensor, std: Tensor) -> None:
        """Let latents hold Gaussian codes v, w = LeakyReLU(std·v + mean), instead of w.

        Args:
            mean: Means (w_dim,).
            std: Standard deviations (w_dim,), > 0.
        """
        self.register_buffer("code_mean", mean.to(self.w_mean), persistent=False)
        self.register_buffer("code_std", std.to(self.w_mean), persistent=False)
        self.options = {**self.options, "codes": "gaussian"}

    @property
    def gaussian(self) -> bool:
        """Whether latents hold Gaussian codes."""
        return self.code_mean is not None

    def draw_input(self, batch: int, rng: torch.Generator) -> Tensor:
        """Standard normal input codes.

        Args:
            batch: The number B of codes.
            rng: The generator of the random numbers, on the CPU.

        Returns:
            z, (B, z_dim), on the device of the weights.
        """
        return torch.randn(batch, self.arch.z_dim, generator=rng).to(self.w_mean)

    def draw_noise(self, batch: int, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Standard normal noise maps, or those that came with the weights.

        Args:
            batch: The number B of each map.
            rng: The generator of the random numbers, on the CPU.

        Returns:
            Maps (B, 1, h, w), one per convolution, on the device of the weights.
        """
        shapes = self.arch.noise_shapes
        if self.fixed_noise:
            stored = [self.get_buffer(f"noise_{i}") for i in range(len(shapes))]
            return tuple(map_.repeat(batch, 1, 1, 1) for map_ in stored)
        return tuple(torch.randn(batch, *s, generator=rng).to(self.w_mean) for s in shapes)

    def sample(self, batch: int, rng: torch.Generator) -> Code:
        return Code(self.draw_input(batch, rng), self.draw_noise(batch, rng))

    def stage(self, k: int, x: Latents) -> Latents:
        if not 1 <= k <= self.depth:
            raise ValueError(f"stage {k} of a generator of depth {self.depth}")
        if k == 1:
            assert isinstance(x, Code)
            w = self.mapping(x.z)
            w = self.w_mean + self.truncation * (w - self.w_mean)
            if self.code_mean is not None and self.code_std is not None:
                w = gaussian_codes.codes(w, self.code_mean, self.code_std)
            return Carry(w=w[:, None].repeat(1, self.codes, 1), noise=x.noise)
        assert isinstance(x, Carry)
        device, dtype = self.w_mean.device.type, self.dtype
        if dtype == torch.float16 and 2**k < (self.arch.half_from or math.inf):
            dtype = torch.float32
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            out = self._block(k - 2, self._styled(x))
        out = replace(out, w=x.w[:, -out.w.shape[1] :])
        if k < self.depth:
            return out
        assert out.rgb is not None
        return (out.rgb + 1) / 2

    def _block(self, i: int, x: Carry) -> Carry:
        if self.recompute and torch.is_grad_enabled():
            out = checkpoint(self.blocks[i], x, use_reentrant=False, preserve_rng_state=False)
        else:
            out = self.blocks[i](x)
        assert isinstance(out, Carry)
        return out

    def _styled(self, x: Carry) -> Carry:
        """x with style codes w, whatever form its codes have."""
        if self.code_mean is None or self.code_std is None:
            return x
        return replace(x, w=gaussian_codes.styles(x.w, self.code_mean, self.code_std))

    def forward(self, x: Latents, start: int = 0, stop: int | None = None) -> Latents:
        out = super().forward(x, start, stop)
        if isinstance(out, Carry) and out.h is not None:
            rgb = out.rgb if self.carry_rgb else None
            return replace(out, h=out.h.to(out.w.dtype), rgb=rgb)
        return out

    @torch.no_grad()
    def encode(self, encoder: Path, pictures: Tensor, stage: int) -> Latents:
        if self.gaussian:
            raise Incompatible("an encoder finds style codes, not Gaussian codes", "use codes=w")
        finds = Encoder.of(self.arch, encoder, stage, self.source).to(self.w_mean.device)
        silence = tuple(pictures.new_zeros(len(pictures), *s) for s in self.arch.noise_shapes)
        return self.forward(finds.latent(finds(pictures)[1], silence), finds.stage, stage)
