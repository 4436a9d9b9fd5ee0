"""Shared by the converters of StyleGAN-2: renaming and reshaping to our layout."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from invprob.converter import Converted, Rule, renamed
from invprob.errors import BadWeights
from invprob_sgilo.published.mean_code import NOTE, mean_code
from invprob_sgilo.stylegan2.layers import fir_kernel
from invprob_sgilo.stylegan2.network import Architecture

HINT = "only the StyleGAN-2 of arXiv:1912.04958 with RGB skips is supported"


def converted(
    what: str,
    arch: Architecture,
    rules: Iterable[Rule],
    found: Mapping[str, Any],
    assumed: str = "",
) -> Converted:
    """Our tensors, float32, by the rules; names and shapes of `found` must be exactly theirs.

    The mean style code is estimated if it is not among them. `assumed` says what the file does not.
    """
    if arch.channels not in (1, 3):
        raise BadWeights(
            f"the generator makes pictures of {arch.channels} channels",
            "supported are grey and RGB pictures, of 1 and 3",
        )
    summary = (
        f"{what}, {arch.channels}×{arch.resolution}×{arch.resolution}, z {arch.z_dim},"
        f" w {arch.w_dim}, {arch.mapping_layers} mapping layers, channels"
        f" {', '.join(str(arch.width(r)) for r in arch.resolutions)}"
    )
    own = renamed(rules, found, summary)
    metadata = {"kind": "stylegan2", "architecture": dataclasses.asdict(arch)}
    if "w_mean" not in own:
        own["w_mean"] = mean_code(arch, own)
        metadata["w_mean"] = NOTE
    if assumed:
        summary, metadata["assumed"] = f"{summary}; assumed: {assumed}", assumed
    return Converted(summary, own, metadata)


def channel_table(widths: Mapping[int, int]) -> tuple[int, int]:
    """(channel_base, channel_max) for the channels of each resolution; raises `BadWeights`.

    The base divided by a resolution is rounded down, so it is at least each product.
    """
    top = max(widths.values())
    base = max(r * w for r, w in widths.items())
    if any(min(base // r, top) != w for r, w in widths.items()):
        table = ", ".join(f"{r}: {w}" for r, w in sorted(widths.items()))
        raise BadWeights(f"the channels are halved in no regular way ({table})", HINT)
    return base, top


def resolutions(names: Iterable[int]) -> list[int]:
    """The resolutions of the blocks, which must be 4, 8, … and reach 32 to 1024."""
    found = sorted(names)
    if not found:
        raise BadWeights("the generator has no blocks of a StyleGAN-2", HINT)
    if found != [4 * 2**k for k in range(len(found))] or not 4 <= len(found) <= 9:
        raise BadWeights(
            f"the blocks have resolutions {found}",
            "supported are pictures of 32 to 1024 pixels, by blocks of 4, 8, 16, … pixels",
        )
    return found


def check_filter(found: Mapping[str, Any], names: Iterable[str], gain: float) -> None:
    """Raises `BadWeights` unless all resampling filters are [1, 3, 3, 1] with that gain."""
    for name in names:
        value = found.get(name)
        if isinstance(value, Tensor) and value.shape == (4, 4):
            expected = fir_kernel().double() * gain
            if not torch.allclose(value.double(), expected, rtol=1e-5, atol=0):
                raise BadWeights(f"filter {name} is not [1, 3, 3, 1]", HINT)


def own_rules(arch: Architecture, b: int, layer: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """By part, (name, shape) of our tensors of a layer (``up``, ``conv`` or ``to_rgb``)."""
    res = arch.resolutions[b]
    width, style = arch.width(res), arch.w_dim
    inputs = arch.width(res // 2) if layer == "up" else width
    at = f"blocks.{b}.{layer}."
    if layer == "to_rgb":
        return {
            "weight": (at + "weight", (arch.channels, inputs)),
            "affine.weight": (at + "affine.weight", (inputs, style)),
            "affine.bias": (at + "affine.bias", (inputs,)),
            "bias": (at + "bias", (arch.channels,)),
        }
    return {
        "weight": (at + "conv.weight", (width, inputs, 3, 3)),
        "affine.weight": (at + "conv.affine.weight", (inputs, style)),
        "affine.bias": (at + "conv.affine.bias", (inputs,)),
        "strength": (at + "strength", ()),
        "bias": (at + "bias", (width,)),
    }
