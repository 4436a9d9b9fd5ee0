"""Generators from weights files, bundled or the user's own."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from invprob.errors import BadParams, BadWeights
from invprob.weights import store
from invprob_sgilo.bundled import BUNDLED, bundled_sha256
from invprob_sgilo.stylegan2 import gaussian_codes
from invprob_sgilo.stylegan2.checkpoint import load_weights
from invprob_sgilo.stylegan2.network import StyleGAN2
from invprob_sgilo.stylegan2.params import StyleGAN2Params

# 16 bits as published are float16 in the blocks where the authors used it
PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "published": torch.float16,
}
VARIANTS = 64
"""Compiled forms of one function, of which torch keeps 8 by default and then compiles no more."""


def stylegan2(params: StyleGAN2Params) -> StyleGAN2:
    """The generator that the parameters describe; raises `BadWeights`."""
    path = store.locate(params.weights, BUNDLED)
    generator = load_weights(path, params.sha256 or bundled_sha256(path))
    generator.truncation = params.truncation
    generator.carry_rgb = params.carry_rgb
    generator.dtype = PRECISIONS[params.precision]
    if params.noise == "stored" and not generator.arch.noise_maps:
        raise BadWeights(f"weights {path} hold no noise maps", "leave out noise=stored")
    generator.fixed_noise = params.noise == "stored"
    generator.recompute = params.recompute
    generator.source = path
    if params.codes == "gaussian":
        generator.gaussianise(*_moments(generator, path, params.gaussian))
    elif params.gaussian != "auto":
        raise BadParams("gaussian=… is for Gaussian codes", "say codes=gaussian as well")
    if params.compile:
        from torch import _dynamo as dynamo

        # the blocks share one forward, compiled for each of them, with and without gradient
        dynamo.config.recompile_limit = max(dynamo.config.recompile_limit, VARIANTS)
        for block in generator.blocks:
            block.compile()
    return generator


def _moments(generator: StyleGAN2, path: Path, given: str) -> tuple[Tensor, Tensor]:
    if given == "auto":
        return gaussian_codes.fitted(generator.mapping, generator.arch.z_dim, path)
    return gaussian_codes.read(store.locate(given, BUNDLED), generator.arch.w_dim)
