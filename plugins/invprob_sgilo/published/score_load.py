"""Published score networks from files."""

from __future__ import annotations

import json
from pathlib import Path

from invprob.errors import BadWeights
from invprob.io import tensor_files
from invprob.weights import formats
from invprob_sgilo.published.score_net import NetSize, PublishedNet


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
            f"weights {path} are not a score network of SGILO's release",
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
    net.assumed = metadata.get("assumed", "") if time_activation == "auto" else ""
    return net
