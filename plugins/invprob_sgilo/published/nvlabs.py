"""StyleGAN-2 of NVlabs: snapshots of stylegan2-ada-pytorch and of the StyleGAN-3 repository.

The file is a pickle of a dictionary of networks, each an object whose state holds `_parameters`,
`_buffers` and `_modules` like every module of PyTorch. Names are those of Karras et al. (2020,
arXiv:2006.06676); what is no tensor (clamps, 16 bits, the kind of skips) stands in the states.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from invprob.converter import Converted, Converter, Rule, shape_of
from invprob.errors import BadWeights, shown
from invprob.weights.unpickle import Inert
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


class NVlabs(Converter):
    """Reads `G_ema` (or `G`) of a snapshot."""

    params: NVlabsParams

    def recognise(self, tree: Any) -> bool:
        if not isinstance(tree, dict):
            return False
        return any(
            isinstance(tree.get(name), Inert)
            and {"mapping", "synthesis"} <= _modules(tree[name]).keys()
            for name in ("G_ema", "G")
        )

    def convert(self, tree: Any) -> Converted:
        network = tree.get(self.params.network)
        if not isinstance(network, Inert):
            raise BadWeights(
                f"the snapshot has no network {self.params.network}",
                "choose another: --converter nvlabs-stylegan2:network=G",
            )
        modules = dict(_walk(network, ""))
        found = {f"{at}{k}": v for at, state in modules.items() for k, v in _tensors(state).items()}
        arch = _architecture(modules, found)
        check_filter(found, [k for k in found if k.endswith("resample_filter")], 1)
        return converted(f"StyleGAN-2 of NVlabs ({self.params.network})", arch, _rules(arch), found)


def _modules(module: Inert) -> dict[str, Any]:
    state = module.state if isinstance(module.state, dict) else {}
    inner = state.get("_modules")
    return inner if isinstance(inner, dict) else {}


def _walk(module: Inert, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(prefix, state) of a module and all in it."""
    yield at, module.state if isinstance(module.state, dict) else {}
    for name, inner in _modules(module).items():
        if isinstance(inner, Inert):
            yield from _walk(inner, f"{at}{name}.")


def _tensors(state: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for part in ("_parameters", "_buffers"):
        if isinstance(held := state.get(part), dict):
            out |= {str(k): v for k, v in held.items() if v is not None}
    return out


def _architecture(modules: Mapping[str, dict[str, Any]], found: Mapping[str, Any]) -> Architecture:
    if "synthesis.input." in modules:
        raise BadWeights("the snapshot holds a StyleGAN-3 generator", HINT)
    if "mapping.embed." in modules:
        raise BadWeights("the generator is conditional on a class", HINT)
    blocks = {
        int(m[1]): at for at in modules if (m := re.fullmatch(r"synthesis\.b(\d{1,4})\.", at))
    }
    res = resolutions(blocks)
    layers = [at for at in modules if re.fullmatch(r"mapping\.fc\d+\.", at)]
    for at, state in modules.items():
        _usual(at, state)
    convs = [f"{blocks[r]}{name}." for r in res for name in ("conv0", "conv1", "torgb")]
    clamps = {_number(modules[at].get("conv_clamp"), at) for at in convs if at in modules}
    if len(clamps) != 1:
        raise BadWeights("the layers clamp to different values", HINT)
    half = [r for r in res if modules[blocks[r]].get("use_fp16") is True]
    if half != res[len(res) - len(half) :]:
        raise BadWeights(f"blocks {half} compute in 16 bits, and not all after them", HINT)
    widths = {r: shape_of(found, f"{blocks[r]}conv1.weight", 4)[0] for r in res}
    base, top = channel_table(widths)
    return Architecture(
        resolution=res[-1],
        channels=shape_of(found, f"{blocks[4]}torgb.weight", 4)[0],
        z_dim=shape_of(found, "mapping.fc0.weight", 2)[1],
        w_dim=shape_of(found, "mapping.w_avg", 1)[0],
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
        raise BadWeights(f"{shown(at)}conv_clamp is no positive number", HINT)
    return float(value)


def _rules(arch: Architecture) -> Iterator[Rule]:
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
