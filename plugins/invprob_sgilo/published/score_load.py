"""Published score networks from files, and the prior of a stage that is made of them."""

from __future__ import annotations

import json
from pathlib import Path

from invprob.errors import BadWeights, Incompatible
from invprob.io import tensor_files
from invprob.latents import stages
from invprob.weights import formats, store
from invprob_sgilo.bundled import BUNDLED
from invprob_sgilo.published.params import PublishedScoreParams
from invprob_sgilo.published.score_net import NetSize, PublishedNet
from invprob_sgilo.published.score_prior import PublishedScore
from invprob_sgilo.stylegan2.network import StyleGAN2


def read_net(path: Path, time_activation: str = "auto") -> PublishedNet:
    """The network of a file; raises `BadWeights`.

    Args:
        path: a released file, or a converted one.
        time_activation: what a released file does not say, ``"silu"`` or ``"none"``; ``"auto"``
            is what a converted file says, and SiLU for a released one.
    """
    tensors, metadata = formats.read(path)
    if metadata.get("kind") != "sgilo-score":
        raise BadWeights(
            f"weights {path} are no score network of SGILO's release",
            "priors of invprob train prior are read by latent-score:weights=…",
        )
    try:
        told = json.loads(metadata["size"])
        if time_activation != "auto":
            told["time_activation"] = time_activation
        net = PublishedNet(NetSize(**told))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadWeights(f"weights {path} describe no network: {error}", "") from None
    tensor_files.fill(net, tensors, path)
    return net


def published_score(
    params: PublishedScoreParams, generator: StyleGAN2, stage: int
) -> PublishedScore:
    """The prior of a stage; raises `Incompatible` where the generator's latents are others."""
    codes_alone = isinstance(generator, StyleGAN2) and generator.gaussian
    if not codes_alone or (stage > 1 and generator.carry_rgb):
        raise Incompatible(
            "published score networks know Gaussian codes, and no image so far",
            "give --generator stylegan2:weights=…,codes=gaussian,carry_rgb=false",
        )
    if not 1 <= stage < generator.depth:
        raise Incompatible(f"published score networks are not for stage {stage}", "choose 1 to 4")
    if (stage > 1) != (params.features is not None):
        raise Incompatible(
            f"stage {stage} has {'' if stage > 1 else 'no '}features beside its codes",
            "give features=layer1.pth for stage 2, layer2.pth for 3, …, and none for stage 1",
        )
    files = {"w": params.codes, "h": params.features}
    nets = {
        k: read_net(store.locate(name, BUNDLED), params.time_activation)
        for k, name in files.items()
        if name
    }
    ranges = {"w": params.codes_range, "h": params.features_range}
    return PublishedScore(stages.draws(generator, stage, [0], "like"), nets, ranges)
