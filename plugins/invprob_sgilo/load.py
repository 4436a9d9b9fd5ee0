"""Generators and priors from weights files, bundled or the user's own."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from invprob import rounds, shelf, weights
from invprob.errors import BadParams, BadWeights, Incompatible
from invprob.generator import Generator
from invprob_sgilo import gaussian_codes
from invprob_sgilo.latent_score import LatentScore
from invprob_sgilo.latent_score_file import read_prior
from invprob_sgilo.params import LatentScoreParams, StyleGAN2Params
from invprob_sgilo.stylegan2 import StyleGAN2
from invprob_sgilo.stylegan2_file import load_weights

BUNDLED = Path(__file__).parent / "weights"
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
    path = shelf.locate(params.weights, BUNDLED)
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
    return gaussian_codes.read(shelf.locate(given, BUNDLED), generator.arch.w_dim)


def latent_score(params: LatentScoreParams, generator: Generator, stage: int) -> LatentScore:
    """The prior of a stage; with ``auto``, the one that stands beside the generator's weights."""
    if isinstance(generator, StyleGAN2) and generator.gaussian:
        raise Incompatible(
            "latent-score knows style codes w, and the generator's latents hold Gaussian codes",
            "leave out codes=gaussian, or take published-score",
        )
    source = getattr(generator, "source", None)
    if params.weights != "auto":
        path = shelf.locate(params.weights, BUNDLED)
    elif source is None:
        raise Incompatible(
            "a prior is found by itself only for generators from a weights file",
            f"give one with --prior {stage}=latent-score:weights=FILE",
        )
    else:
        path = source.with_name(f"{source.stem}-score-{stage}.safetensors")
        if not path.is_file():
            raise BadWeights(
                f"no score prior for stage {stage} stands beside {source.name}",
                f"train one: invprob train prior {source} --stage {stage} --out DIR, or choose"
                f" other stages: {', '.join(stages_beside(source)) or 'none has one'}",
            )
    like = rounds.draws(generator, stage, [0], "like")
    return read_prior(path, like, stage, params.sha256 or bundled_sha256(path))


def stages_beside(source: Path) -> list[str]:
    """The stages with a prior beside a generator's weights."""
    return sorted(p.stem.rsplit("-", 1)[1] for p in source.parent.glob(f"{source.stem}-score-*"))


def bundled_sha256(path: Path) -> str | None:
    """The SHA-256 that a bundled file must have; None for other files."""
    return weights.listed(path, BUNDLED)
