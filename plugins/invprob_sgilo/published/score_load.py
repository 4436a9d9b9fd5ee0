"""Published score networks from files."""

from __future__ import annotations

import json
from pathlib import Path

from invprob.errors import BadWeights
from invprob.io import tensor_files
from invprob.weights import formats
from invprob_sgilo.published.score_net import NetSize, PublishedNet


def read_net(path: Path) -> PublishedNet:
    """The network of a file; raises `BadWeights`."""
    tensors, metadata = formats.read(path)
    if metadata.get("kind") != "sgilo-score":
        raise BadWeights(
            f"weights {path} are no score network of SGILO's release",
            "priors of invprob train prior are read by latent-score:weights=…",
        )
    try:
        net = PublishedNet(NetSize(**json.loads(metadata["size"])))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadWeights(f"weights {path} describe no network: {error}", "") from None
    tensor_files.fill(net, tensors, path)
    return net
