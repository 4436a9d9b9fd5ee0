"""Files in the published layouts with random weights, written by ordinary pickle and torch.save."""

import argparse
import contextlib
import dataclasses
import math
import pickle
import sys
import types
from collections import OrderedDict
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Spec:
    resolution: int = 32
    channels: int = 3
    base: int = 128
    most: int = 8
    z: int = 7
    w: int = 6
    layers: int = 2
    clamp: float | None = None
    half: int = 0
    """the blocks that are marked as 16-bit, counted from the last"""

    def width(self, res):
        return min(self.base // res, self.most)

    @property
    def square(self):
        """With as many inputs as codes, as in rosinality's layout always."""
        return dataclasses.replace(self, z=self.w)

    @property
    def resolutions(self):
        return [2**k for k in range(2, int(math.log2(self.resolution)) + 1)]


def random_weights(spec, seed=0):
    """Everything in NVlabs' names, nothing at its initial zero or one."""
    rng = torch.Generator().manual_seed(seed)

    def normal(*shape, scale=1.0, mean=0.0):
        return mean + scale * torch.randn(shape, generator=rng)

    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    out = {"mapping.w_avg": normal(spec.w, scale=0.3)}
    for i in range(spec.layers):
        inputs = spec.w if i else spec.z
        out[f"mapping.fc{i}.weight"] = normal(spec.w, inputs, scale=100)
        out[f"mapping.fc{i}.bias"] = normal(spec.w, scale=20)

    def affine(at, inputs):
        out[f"{at}.affine.weight"] = normal(inputs, spec.w)
        out[f"{at}.affine.bias"] = normal(inputs, scale=0.3, mean=1.0)

    for res in spec.resolutions:
        at, width = f"synthesis.b{res}", spec.width(res)
        out[f"{at}.resample_filter"] = torch.outer(taps, taps)
        if res == 4:
            out[f"{at}.const"] = normal(width, 4, 4)
        for name in ("conv0", "conv1")[res == 4 :]:
            inputs = spec.width(res // 2) if name == "conv0" else width
            out[f"{at}.{name}.weight"] = normal(width, inputs, 3, 3)
            out[f"{at}.{name}.noise_strength"] = normal(scale=0.2, mean=0.3)
            out[f"{at}.{name}.bias"] = normal(width, scale=0.3)
            out[f"{at}.{name}.resample_filter"] = torch.outer(taps, taps)
            out[f"{at}.{name}.noise_const"] = normal(res, res)
            affine(f"{at}.{name}", inputs)
        out[f"{at}.torgb.weight"] = normal(spec.channels, width, 1, 1)
        out[f"{at}.torgb.bias"] = normal(spec.channels, scale=0.3)
        affine(f"{at}.torgb", width)
    return out


def _persistent(*_):
    raise AssertionError("the reader must not call this")


class Persistent:
    """Pickles as the objects of NVlabs do: by a function that would run the source it carries."""

    def __init__(self, name, state):
        self.meta = {
            "type": "class",
            "version": 6,
            "module_src": "raise SystemExit('the source ran')",
            "class_name": name,
            "state": state,
        }

    def __reduce__(self):
        return _persistent, (self.meta,), None


@contextlib.contextmanager
def nvlabs_modules():
    """While this lasts, pickles get the names of NVlabs' modules, which are not installed here."""
    module = types.ModuleType("torch_utils.persistence")
    module._reconstruct_persistent_obj = _persistent
    package = types.ModuleType("torch_utils")
    package.persistence = module
    _persistent.__module__ = module.__name__
    _persistent.__qualname__ = "_reconstruct_persistent_obj"
    sys.modules |= {"torch_utils": package, "torch_utils.persistence": module}
    try:
        yield
    finally:
        del sys.modules["torch_utils.persistence"], sys.modules["torch_utils"]


def pickle_bytes(tree, protocol=4):
    with nvlabs_modules():
        return pickle.dumps(tree, protocol)


def write_pickle(path, tree):
    path.write_bytes(pickle_bytes(tree))


def nvlabs_tree(spec, weights, **networks):
    """A snapshot: what modules hold of weights and settings, network by network."""
    tree = {"training_set_kwargs": {"path": "x"}, "augment_pipe": None, "D": None}
    for name, tensors in ({"G_ema": weights} | networks).items():
        tree[name] = _module(spec, tensors, "")
    return tree


def _module(spec, tensors, at):
    inside = {k[len(at) :]: v for k, v in tensors.items() if k.startswith(at)}
    own = {k: v for k, v in inside.items() if "." not in k}
    parts = OrderedDict()
    for name in dict.fromkeys(k.partition(".")[0] for k in inside if "." in k):
        parts[name] = _module(spec, tensors, f"{at}{name}.")
    buffers = ("resample_filter", "noise_const", "w_avg")
    state = {
        "training": False,
        "_parameters": OrderedDict(
            (k, torch.nn.Parameter(v)) for k, v in own.items() if k not in buffers
        ),
        "_buffers": OrderedDict((k, v) for k, v in own.items() if k in buffers),
        "_modules": parts,
        "_non_persistent_buffers_set": set(),
        **_settings(spec, at.removesuffix(".").split(".")),
    }
    return Persistent(at.removesuffix(".").rpartition(".")[2] or "Generator", state)


def _settings(spec, path):
    name = path[-1]
    if name.startswith("fc"):
        return {"activation": "lrelu", "bias_gain": 0.01}
    if name == "affine":
        return {"activation": "linear", "bias_gain": 1}
    if name in ("conv0", "conv1"):
        return {"activation": "lrelu", "conv_clamp": spec.clamp, "use_noise": True}
    if name == "torgb":
        return {"conv_clamp": spec.clamp}
    if name[:1] == "b" and name[1:].isdigit():
        half = int(name[1:]) in spec.resolutions[len(spec.resolutions) - spec.half :]
        return {"architecture": "skip", "use_fp16": half}
    return {}


def rosinality_tree(spec, weights):
    """The same network in rosinality's names; weights are of random_weights."""
    out, maps = {}, 0

    def conv(theirs, source):
        nonlocal maps
        out[f"{theirs}.conv.weight"] = weights[f"{source}.weight"][None]
        out[f"{theirs}.conv.modulation.weight"] = weights[f"{source}.affine.weight"]
        out[f"{theirs}.conv.modulation.bias"] = weights[f"{source}.affine.bias"]
        out[f"{theirs}.noise.weight"] = weights[f"{source}.noise_strength"].reshape(1)
        out[f"{theirs}.activate.bias"] = weights[f"{source}.bias"]
        out[f"noises.noise_{maps}"] = weights[f"{source}.noise_const"][None, None]
        maps += 1

    def rgb(theirs, source):
        out[f"{theirs}.conv.weight"] = weights[f"{source}.weight"][None]
        out[f"{theirs}.conv.modulation.weight"] = weights[f"{source}.affine.weight"]
        out[f"{theirs}.conv.modulation.bias"] = weights[f"{source}.affine.bias"]
        out[f"{theirs}.bias"] = weights[f"{source}.bias"].reshape(1, -1, 1, 1)

    for i in range(spec.layers):
        for part in ("weight", "bias"):
            out[f"style.{i + 1}.{part}"] = weights[f"mapping.fc{i}.{part}"]
    out["input.input"] = weights["synthesis.b4.const"][None]
    conv("conv1", "synthesis.b4.conv1")
    rgb("to_rgb1", "synthesis.b4.torgb")
    for b, res in enumerate(spec.resolutions[1:]):
        at = f"synthesis.b{res}"
        conv(f"convs.{2 * b}", f"{at}.conv0")
        out[f"convs.{2 * b}.conv.blur.kernel"] = 4 * weights[f"{at}.resample_filter"]
        conv(f"convs.{2 * b + 1}", f"{at}.conv1")
        rgb(f"to_rgbs.{b}", f"{at}.torgb")
        out[f"to_rgbs.{b}.upsample.kernel"] = 4 * weights[f"{at}.resample_filter"]
    args = argparse.Namespace(size=spec.resolution, lr=0.002)
    return {"g_ema": out, "latent_avg": weights["mapping.w_avg"], "args": args}


def score_weights(tokens=8, channels=6, width=16, depth=2, inner=4, hidden=32, seed=0):
    """A score network in the names of SGILO's release."""
    rng = torch.Generator().manual_seed(seed)
    shapes = {
        "pos_embedding": (1, tokens, width),
        "dense.dense.weight": (tokens, tokens),
        "dense.dense.bias": (tokens,),
        "embed.0.W": (tokens // 2,),
        "embed.1.weight": (tokens, tokens),
        "embed.1.bias": (tokens,),
        "to_patch_embedding.1.weight": (width, channels),
        "to_patch_embedding.1.bias": (width,),
        "projector.weight": (channels, width),
        "projector.bias": (channels,),
    }
    for i in range(depth):
        at = f"transformer.layers.{i}"
        shapes |= {
            f"{at}.0.fn.norm.weight": (width,),
            f"{at}.0.fn.norm.bias": (width,),
            f"{at}.0.fn.fn.to_qkv.weight": (3 * inner, width),
            f"{at}.0.fn.fn.to_out.0.weight": (width, inner),
            f"{at}.0.fn.fn.to_out.0.bias": (width,),
            f"{at}.1.fn.norm.weight": (width,),
            f"{at}.1.fn.norm.bias": (width,),
            f"{at}.1.fn.fn.net.0.weight": (hidden, width),
            f"{at}.1.fn.fn.net.0.bias": (hidden,),
            f"{at}.1.fn.fn.net.3.weight": (width, hidden),
            f"{at}.1.fn.fn.net.3.bias": (width,),
        }
    weights = {k: torch.randn(s, generator=rng) * 0.4 for k, s in shapes.items()}
    return weights | {"embed.0.W": weights["embed.0.W"] * 30}
