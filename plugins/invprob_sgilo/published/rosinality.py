"""StyleGAN-2 of rosinality/stylegan2-pytorch: a dictionary with a state dict `g_ema`.

Upsampling kernels stand as in NVlabs' PyTorch files: both apply them as a transposed convolution.
Where `latent_avg` is missing (snapshots of a training), the mean style code is estimated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from invprob import seeds
from invprob.converter import Converted, Converter, Rule, shape_of
from invprob.errors import BadWeights
from invprob_sgilo.published.params import RosinalityParams
from invprob_sgilo.published.renaming import (
    HINT,
    channel_table,
    check_filter,
    converted,
    own_rules,
    resolutions,
)
from invprob_sgilo.stylegan2.network import Architecture
from invprob_sgilo.stylegan2.network import Mapping as MappingNetwork

DRAWS = 2**16


class Rosinality(Converter):
    """Reads `g_ema` (or `g`)."""

    params: RosinalityParams

    def recognise(self, tree: Any) -> bool:
        if not isinstance(tree, dict):
            return False
        networks = [tree.get(name) for name in ("g_ema", "g")]
        return any(isinstance(net, dict) and "input.input" in net for net in networks)

    def convert(self, tree: Any) -> Converted:
        found = tree.get(self.params.network)
        if not isinstance(found, dict):
            raise BadWeights(
                f"the checkpoint has no network {self.params.network}",
                "choose another: --converter rosinality-stylegan2:network=g",
            )
        arch = _architecture(found)
        check_filter(found, [k for k in found if str(k).endswith(".kernel")], 4)
        made = converted(
            f"StyleGAN-2 of rosinality ({self.params.network})", arch, _rules(arch), found
        )
        average = tree.get("latent_avg")
        if average is None:
            note = f"estimated from {DRAWS} draws"
            average = _mean_code(arch, made.tensors)
        elif isinstance(average, Tensor) and average.shape == (arch.w_dim,):
            note = "latent_avg"
        else:
            raise BadWeights(f"latent_avg is no tensor of {arch.w_dim} numbers", HINT)
        tensors = {**made.tensors, "w_mean": average.float()}
        return replace(made, tensors=tensors, metadata={**made.metadata, "w_mean": note})


def _architecture(found: Mapping[str, Any]) -> Architecture:
    names = [m for k in found if (m := re.fullmatch(r"to_rgbs\.(\d)\.conv\.weight", str(k)))]
    res = resolutions([4, *(8 * 2 ** int(m[1]) for m in names)])
    widths = {4: shape_of(found, "conv1.conv.weight", 5)[1]}
    widths |= {
        r: shape_of(found, f"convs.{2 * i + 1}.conv.weight", 5)[1] for i, r in enumerate(res[1:])
    }
    base, top = channel_table(widths)
    layers = [k for k in found if re.fullmatch(r"style\.\d+\.weight", str(k))]
    style = shape_of(found, "style.1.weight", 2)
    return Architecture(
        resolution=res[-1],
        channels=shape_of(found, "to_rgb1.conv.weight", 5)[1],
        z_dim=style[1],
        w_dim=style[0],
        mapping_layers=len(layers),
        channel_base=base,
        channel_max=top,
        noise_maps=True,
    )


def _rules(arch: Architecture) -> Iterator[Rule]:
    for i in range(arch.mapping_layers):
        inputs = arch.w_dim if i else arch.z_dim
        yield Rule(f"style.{i + 1}.weight", (arch.w_dim, inputs), f"mapping.layers.{i}.weight")
        yield Rule(f"style.{i + 1}.bias", (arch.w_dim,), f"mapping.layers.{i}.bias")
    width = arch.width(4)
    yield Rule("input.input", (1, width, 4, 4), "blocks.0.const")
    yield from _layer(arch, 0, "conv", "conv1", 0)
    yield from _rgb(arch, 0, "to_rgb1")
    for b in range(1, len(arch.resolutions)):
        up, conv = 2 * b - 2, 2 * b - 1
        yield from _layer(arch, b, "up", f"convs.{up}", up + 1)
        yield Rule(f"convs.{up}.conv.blur.kernel", (4, 4))
        yield from _layer(arch, b, "conv", f"convs.{conv}", conv + 1)
        yield from _rgb(arch, b, f"to_rgbs.{b - 1}")
        yield Rule(f"to_rgbs.{b - 1}.upsample.kernel", (4, 4))


def _layer(arch: Architecture, b: int, ours: str, theirs: str, map_: int) -> Iterator[Rule]:
    own = own_rules(arch, b, ours)
    res = arch.resolutions[b]
    for part, source, shape_ in (
        ("weight", "conv.weight", (1, *own["weight"][1])),
        ("affine.weight", "conv.modulation.weight", own["affine.weight"][1]),
        ("affine.bias", "conv.modulation.bias", own["affine.bias"][1]),
        ("strength", "noise.weight", (1,)),
        ("bias", "activate.bias", own["bias"][1]),
    ):
        yield Rule(f"{theirs}.{source}", shape_, *own[part])
    yield Rule(f"noises.noise_{map_}", (1, 1, res, res), f"noise_{map_}", (1, res, res))


def _rgb(arch: Architecture, b: int, theirs: str) -> Iterator[Rule]:
    own = own_rules(arch, b, "to_rgb")
    for part, source, shape_ in (
        ("weight", "conv.weight", (1, *own["weight"][1], 1, 1)),
        ("affine.weight", "conv.modulation.weight", own["affine.weight"][1]),
        ("affine.bias", "conv.modulation.bias", own["affine.bias"][1]),
        ("bias", "bias", (1, *own["bias"][1], 1, 1)),
    ):
        yield Rule(f"{theirs}.{source}", shape_, *own[part])


def _mean_code(arch: Architecture, tensors: Mapping[str, Tensor]) -> Tensor:
    """The mean of w over `DRAWS` draws of z, always the same ones."""
    net = MappingNetwork(arch, seeds.stream("mapping"))
    own = {k.removeprefix("mapping."): v for k, v in tensors.items() if k.startswith("mapping.")}
    net.load_state_dict(own)
    rng, total = seeds.stream("mean code"), torch.zeros(arch.w_dim, dtype=torch.float64)
    with torch.no_grad():
        for _ in range(DRAWS // 1024):
            total += net(torch.randn(1024, arch.z_dim, generator=rng)).double().sum(0)
    return total / DRAWS
