"""StyleGAN-2 of rosinality/stylegan2-pytorch: a dictionary with a state dict `g_ema`.

Upsampling kernels stand as in NVlabs' PyTorch files: both apply them as a transposed convolution.
Where `latent_avg` is missing (snapshots of a training), the mean style code is estimated. Files of
before 2020 have no noise maps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from invprob.converter import Converted, Converter, Rule, alone, shape_of, unwrapped
from invprob.errors import BadWeights
from invprob.weights.unpickle import Inert
from invprob.weights.unpickle.modules import state_dict, walk
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

AVERAGE = "latent_avg"


class Rosinality(Converter):
    """Reads `g_ema` (or `g`), and a generator alone: its module or its state dict."""

    params: RosinalityParams

    def recognise(self, tree: Any) -> bool:
        return bool(_generators(tree))

    def convert(self, tree: Any) -> Converted:
        networks = _generators(tree)
        name = "" if "" in networks else self.params.network
        if name not in networks:
            raise BadWeights(
                f"the checkpoint has no network {name}",
                f"choose another: --converter rosinality-stylegan2:network={next(iter(networks))}",
            )
        found = networks[name]
        arch = _architecture(found)
        check_filter(found, [k for k in found if k.endswith(".kernel")], 4)
        average = tree.get("latent_avg") if isinstance(tree, dict) else None
        if average is not None:
            if not isinstance(average, Tensor) or average.shape != (arch.w_dim,):
                raise BadWeights(f"latent_avg is not a tensor of {arch.w_dim} numbers", HINT)
            found = {**found, AVERAGE: average}
        what = f"StyleGAN-2 of rosinality{f' ({name})' if name else ''}"
        return converted(what, arch, _rules(arch, average is not None), found)


def _generators(tree: Any) -> dict[str, dict[str, Any]]:
    """The tensors of each generator of a tree; of one that stands alone the name is empty."""
    if isinstance(tree, dict):
        named = {n: net for n in ("g_ema", "g") if (net := _tensors(tree.get(n)))}
        if named:
            return named
    found = _tensors(alone(tree, lambda value: bool(_tensors(value))))
    return {"": found} if found else {}


def _tensors(network: Any) -> dict[str, Any]:
    """A state dict, or that of a module; nothing where it is not a generator's."""
    if isinstance(network, Inert):
        network = state_dict(dict(walk(network)))
    found = unwrapped(network) if isinstance(network, dict) else {}
    return found if "input.input" in found else {}


def _architecture(found: Mapping[str, Any]) -> Architecture:
    names = [m for k in found if (m := re.fullmatch(r"to_rgbs\.(\d)\.conv\.weight", k))]
    res = resolutions([4, *(8 * 2 ** int(m[1]) for m in names)])
    widths = {4: shape_of(found, "conv1.conv.weight", 5)[1]}
    widths |= {
        r: shape_of(found, f"convs.{2 * i + 1}.conv.weight", 5)[1] for i, r in enumerate(res[1:])
    }
    base, top = channel_table(widths)
    layers = [k for k in found if re.fullmatch(r"style\.\d+\.weight", k)]
    style = shape_of(found, "style.1.weight", 2)
    if style[0] != style[1]:
        raise BadWeights(
            f"the mapping network takes {style[1]} numbers for codes of {style[0]}",
            "in this layout they are as many, unless the generator is conditional on a class;"
            " an unconditional one is needed",
        )
    return Architecture(
        resolution=res[-1],
        channels=shape_of(found, "to_rgb1.conv.weight", 5)[1],
        z_dim=style[1],
        w_dim=style[0],
        mapping_layers=len(layers),
        channel_base=base,
        channel_max=top,
        noise_maps=any(k.startswith("noises.") for k in found),
    )


def _rules(arch: Architecture, mean: bool) -> Iterator[Rule]:
    if mean:
        yield Rule(AVERAGE, (arch.w_dim,), "w_mean")
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
    if arch.noise_maps:
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
