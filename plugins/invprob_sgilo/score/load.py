"""Priors from weights files, bundled or the user's own."""

from __future__ import annotations

from pathlib import Path

from invprob.errors import BadWeights, Incompatible
from invprob.generator import Generator
from invprob.latents import stages
from invprob.weights import store
from invprob_sgilo.bundled import BUNDLED, bundled_sha256
from invprob_sgilo.score.checkpoint import read_prior
from invprob_sgilo.score.params import LatentScoreParams
from invprob_sgilo.score.prior import LatentScore
from invprob_sgilo.stylegan2.network import StyleGAN2


def latent_score(params: LatentScoreParams, generator: Generator, stage: int) -> LatentScore:
    """The prior of a stage; with ``auto``, the one that stands beside the generator's weights."""
    if isinstance(generator, StyleGAN2) and generator.gaussian:
        raise Incompatible(
            "latent-score knows style codes w, and the generator's latents hold Gaussian codes",
            "leave out codes=gaussian, or take published-score",
        )
    source = getattr(generator, "source", None)
    if params.weights != "auto":
        path = store.locate(params.weights, BUNDLED)
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
    like = stages.draws(generator, stage, [0], "like")
    return read_prior(path, like, stage, params.sha256 or bundled_sha256(path))


def stages_beside(source: Path) -> list[str]:
    """The stages with a prior beside a generator's weights."""
    return sorted(p.stem.rsplit("-", 1)[1] for p in source.parent.glob(f"{source.stem}-score-*"))
