"""StyleGAN-2 of NVlabs: snapshots of stylegan2-ada-pytorch and of the StyleGAN-3 repository.

A snapshot is a pickle of a dictionary of networks, each an object whose state holds `_parameters`,
`_buffers` and `_modules` like every module of PyTorch. Names are those of Karras et al. (2020,
arXiv:2006.06676); what is not a tensor (clamps, 16 bits, the kind of skips) stands in the states.
Others keep one network alone, three in a row, or its state dict, as SGILO does (`ffhq.pt`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from invprob.converter import Converted, Converter, Rule, alone, shape_of, unwrapped
from invprob.errors import BadWeights, shown
from invprob.weights.unpickle import Inert
from invprob.weights.unpickle.modules import inside, state_dict, walk
from invprob_sgilo.published.params import NVlabsParams
from invprob_sgilo.published.renaming import (
    HINT,
    channel_table,
    check_filter,
    converted,
    own_rules,
    resolutions,
)
from invprob_sgilo.stylegan2.network import Architecture

NAMES = ("G_ema", "G")
CONVS = ("conv0", "conv1", "torgb")


class NVlabs(Converter):
    """Reads `G_ema` (or `G`) of a snapshot, and a generator alone: its module or its state dict."""

    params: NVlabsParams

    def recognise(self, tree: Any) -> bool:
        return bool(_generators(tree))

    def convert(self, tree: Any) -> Converted:
        found = _generators(tree)
        name = "" if "" in found else self.params.network
        if name not in found:
            raise BadWeights(
                f"the snapshot has no network {name}",
                f"choose another: --converter nvlabs-stylegan2:network={next(iter(found))}",
            )
        what = f"StyleGAN-2 of NVlabs{f' ({name})' if name else ''}"
        if isinstance(network := found[name], Inert):
            modules = dict(walk(network))
            tensors, assumed = state_dict(modules), ""
            if self.params.conv_clamp is not None or self.params.fp16_blocks:
                raise BadWeights("the file says itself where it clamps and computes in 16 bits", "")
        else:
            tensors = unwrapped(network)
            modules = _settings(tensors, self.params)
            told = self.params.model_fields_set
            defaults = {"conv_clamp": "no clamp", "fp16_blocks": "no block in 16 bits"}
            assumed = ", ".join(text for key, text in defaults.items() if key not in told)
        arch = _architecture(modules, tensors)
        check_filter(tensors, [k for k in tensors if k.endswith("resample_filter")], 1)
        known = "mapping.w_avg" in tensors
        return converted(what, arch, _rules(arch, known), tensors, assumed)


def _generators(tree: Any) -> dict[str, Inert | dict[Any, Any]]:
    """The generators of a tree by name; of one that stands alone the name is empty."""
    if isinstance(tree, (list, tuple)):
        found = [item for item in tree if _is_generator(item)]
        # who keeps several in a row keeps G, D and G_ema
        return dict(zip(("G", "G_ema"), (found[0], found[-1]), strict=True)) if found else {}
    if isinstance(tree, dict):
        named = {name: tree[name] for name in NAMES if _is_generator(tree.get(name))}
        if named:
            return named
    found = alone(tree, _is_generator)
    return {} if found is None else {"": found}


def _is_generator(value: Any) -> bool:
    if isinstance(value, Inert):
        return {"mapping", "synthesis"} <= inside(value).keys()
    if not isinstance(value, dict):
        return False
    names = unwrapped(value)
    return "mapping.fc0.weight" in names and any(k.startswith("synthesis.") for k in names)


def _settings(tensors: Mapping[str, Any], params: NVlabsParams) -> dict[str, dict[str, Any]]:
    """The states that the modules of a state dict would have, by prefix."""
    modules: dict[str, dict[str, Any]] = {}
    for name in tensors:
        parts = name.split(".")[:-1]
        modules |= {"".join(f"{part}." for part in parts[:n]): {} for n in range(len(parts) + 1)}
    blocks = _blocks(modules)
    half = sorted(blocks)[len(blocks) - min(params.fp16_blocks, len(blocks)) :]
    for resolution, at in blocks.items():
        modules[at] = {"use_fp16": resolution in half}
        for conv in CONVS:
            modules[f"{at}{conv}."] = {"conv_clamp": params.conv_clamp}
    return modules


def _blocks(modules: Iterable[str]) -> dict[int, str]:
    """Prefixes of the blocks by resolution."""
    return {int(m[1]): at for at in modules if (m := re.fullmatch(r"synthesis\.b(\d{1,4})\.", at))}


def _architecture(modules: Mapping[str, dict[str, Any]], found: Mapping[str, Any]) -> Architecture:
    if "synthesis.input." in modules:
        raise BadWeights("the file holds a StyleGAN-3 generator", HINT)
    classes = [state.get("c_dim") for at, state in modules.items() if at in ("", "mapping.")]
    if "mapping.embed." in modules or any(isinstance(c, int) and c > 0 for c in classes):
        raise BadWeights("the generator is conditional on a class", HINT)
    blocks = _blocks(modules)
    res = resolutions(blocks)
    layers = [at for at in modules if re.fullmatch(r"mapping\.fc\d+\.", at)]
    for at, state in modules.items():
        _usual(at, state)
    convs = [f"{blocks[r]}{name}." for r in res for name in CONVS]
    clamps = {_number(modules[at].get("conv_clamp"), at) for at in convs if at in modules}
    if len(clamps) != 1:
        raise BadWeights("the layers clamp to different values", HINT)
    half = [r for r in res if modules[blocks[r]].get("use_fp16") is True]
    if half != res[len(res) - len(half) :]:
        raise BadWeights(f"blocks {half} compute in 16 bits, and not all after them", HINT)
    widths = {r: shape_of(found, f"{blocks[r]}conv1.weight", 4)[0] for r in res}
    base, top = channel_table(widths)
    code = shape_of(found, "mapping.fc0.weight", 2)
    return Architecture(
        resolution=res[-1],
        channels=shape_of(found, f"{blocks[4]}torgb.weight", 4)[0],
        z_dim=code[1],
        w_dim=code[0],
        mapping_layers=len(layers),
        channel_base=base,
        channel_max=top,
        conv_clamp=clamps.pop(),
        raw_demodulation=True,
        noise_maps=True,
        half_from=half[0] if half else None,
    )


def _usual(at: str, state: Mapping[str, Any]) -> None:
    """Raises `BadWeights` if a module has settings that our equations do not have."""
    mapping = at.startswith("mapping.fc")
    linear = mapping or at.endswith("affine.")
    usual = {
        "architecture": "skip",
        "activation": "linear" if at.endswith("affine.") else "lrelu",
        "bias_gain": 0.01 if mapping else 1.0 if linear else None,
        "use_noise": True,
    }
    for name, value in usual.items():
        told = state.get(name)
        plain = isinstance(told, (str, bool, int, float))
        if told is not None and value is not None and not (plain and told == value):
            raise BadWeights(f"{shown(at + name)} is {shown(told)}, supported is {value}", HINT)


def _number(value: Any, at: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        raise BadWeights(f"{shown(at)}conv_clamp is not a positive number", HINT)
    return float(value)


def _rules(arch: Architecture, mean: bool) -> Iterator[Rule]:
    if mean:
        yield Rule("mapping.w_avg", (arch.w_dim,), "w_mean")
    for i in range(arch.mapping_layers):
        inputs = arch.w_dim if i else arch.z_dim
        yield Rule(f"mapping.fc{i}.weight", (arch.w_dim, inputs), f"mapping.layers.{i}.weight")
        yield Rule(f"mapping.fc{i}.bias", (arch.w_dim,), f"mapping.layers.{i}.bias")
    maps = 0
    for b, res in enumerate(arch.resolutions):
        at = f"synthesis.b{res}."
        yield Rule(at + "resample_filter", (4, 4))
        if not b:
            width = arch.width(4)
            yield Rule(at + "const", (width, 4, 4), "blocks.0.const", (1, width, 4, 4))
        for theirs, ours in (("conv0", "up"), ("conv1", "conv"))[not b :]:
            for part, (name, own) in own_rules(arch, b, ours).items():
                source = "noise_strength" if part == "strength" else part
                yield Rule(f"{at}{theirs}.{source}", own, name)
            yield Rule(f"{at}{theirs}.resample_filter", (4, 4))
            yield Rule(f"{at}{theirs}.noise_const", (res, res), f"noise_{maps}", (1, res, res))
            maps += 1
        for part, (name, own) in own_rules(arch, b, "to_rgb").items():
            theirs_shape = (*own, 1, 1) if part == "weight" else own
            yield Rule(f"{at}torgb.{part}", theirs_shape, name, own)
