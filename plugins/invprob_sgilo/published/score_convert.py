"""Score networks of SGILO's release: bare state dicts of a vision transformer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from invprob.converter import Converted, Converter, Rule, alone, renamed, shape_of, unwrapped
from invprob.errors import BadWeights
from invprob_sgilo.published.params import PublishedNetParams
from invprob_sgilo.published.score_net import NetSize

HINT = "supported are the transformers of SGILO's release, with one head"
MARKS = {"pos_embedding", "to_patch_embedding.1.weight", "projector.weight", "embed.0.W"}


class PublishedScoreNet(Converter):
    """Reads the state dict, bare or as an entry, with or without nn.DataParallel's prefix."""

    params: PublishedNetParams

    def recognise(self, tree: Any) -> bool:
        return alone(tree, _fits) is not None

    def convert(self, tree: Any) -> Converted:
        found = unwrapped(alone(tree, _fits))
        size = _size(found, self.params.time_activation)
        what = (
            f"score network of SGILO, {size.tokens} tokens of {size.channels}, width {size.width},"
            f" {size.depth} blocks"
        )
        tensors = renamed(_rules(size), found, what)
        metadata = {"kind": "sgilo-score", "size": dataclasses.asdict(size)}
        if "time_activation" not in self.params.model_fields_set:
            metadata["assumed"] = f"time_activation={size.time_activation}"
            what += f"; assumed: {metadata['assumed']}"
        return Converted(what, tensors, metadata)


def _fits(tree: Any) -> bool:
    return isinstance(tree, dict) and unwrapped(tree).keys() >= MARKS


def _size(found: Mapping[str, Any], time_activation: Literal["silu", "none"]) -> NetSize:
    _, tokens, width = shape_of(found, "pos_embedding", 3, HINT)
    layers = {m[1] for k in found if (m := re.match(r"transformer\.layers\.(\d{1,3})\.", k))}
    inner = shape_of(found, "transformer.layers.0.0.fn.fn.to_qkv.weight", 2, HINT)[0]
    if tokens % 2 or inner % 3:
        raise BadWeights(f"a transformer of {tokens} tokens and {inner} rows of q, k and v", HINT)
    return NetSize(
        tokens=tokens,
        channels=shape_of(found, "to_patch_embedding.1.weight", 2, HINT)[1],
        width=width,
        depth=len(layers),
        inner=inner // 3,
        hidden=shape_of(found, "transformer.layers.0.1.fn.fn.net.0.weight", 2, HINT)[0],
        time_activation=time_activation,
    )


def _rules(size: NetSize) -> Iterator[Rule]:
    T, width = size.tokens, size.width
    yield Rule("pos_embedding", (1, T, width), "position")
    yield Rule("embed.0.W", (T // 2,), "frequencies")
    yield from _linear("embed.1", "time1", T, T)
    yield from _linear("dense.dense", "time2", T, T)
    yield from _linear("to_patch_embedding.1", "inward", size.channels, width)
    yield from _linear("projector", "outward", width, size.channels)
    for i in range(size.depth):
        theirs, ours = f"transformer.layers.{i}", f"blocks.{i}"
        for part, norm in enumerate(("norm1", "norm2")):
            for name in ("weight", "bias"):
                yield Rule(f"{theirs}.{part}.fn.norm.{name}", (width,), f"{ours}.{norm}.{name}")
        qkv = (3 * size.inner, width)
        yield Rule(f"{theirs}.0.fn.fn.to_qkv.weight", qkv, f"{ours}.qkv.weight")
        yield from _linear(f"{theirs}.0.fn.fn.to_out.0", f"{ours}.out", size.inner, width)
        yield from _linear(f"{theirs}.1.fn.fn.net.0", f"{ours}.up", width, size.hidden)
        yield from _linear(f"{theirs}.1.fn.fn.net.3", f"{ours}.down", size.hidden, width)


def _linear(theirs: str, ours: str, inputs: int, outputs: int) -> Iterator[Rule]:
    yield Rule(f"{theirs}.weight", (outputs, inputs), f"{ours}.weight")
    yield Rule(f"{theirs}.bias", (outputs,), f"{ours}.bias")
