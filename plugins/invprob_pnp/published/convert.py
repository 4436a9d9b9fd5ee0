"""State dicts of FFDNet and DRUNet as KAIR saves them, and of the bias-free CNN of its authors.

The layout is recognised by the names of tensors, the architecture is read from their shapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from invprob.converter import (
    Converted,
    Converter,
    Rule,
    alone,
    renamed,
    require,
    shape_of,
    unwrapped,
)
from invprob.errors import BadWeights

KIND = "published-denoiser"
MARKS = {
    "FFDNet": {"model.0.weight", "model.0.bias", "model.2.weight"},
    "DRUNet": {"m_head.weight", "m_down1.0.res.0.weight", "m_body.0.res.0.weight", "m_tail.weight"},
    "BF-CNN": {"conv_layers.0.weight", "conv_layers.1.weight", "running_sd.0"},
}
Found = Mapping[str, Any]
Made = tuple[dict[str, object], dict[str, Tensor]]


class Denoisers(Converter):
    """Reads the state dict, bare or as an entry, with or without nn.DataParallel's prefix."""

    def recognise(self, tree: Any) -> bool:
        return alone(tree, lambda part: _name(part) is not None) is not None

    def convert(self, tree: Any) -> Converted:
        part = alone(tree, lambda part: _name(part) is not None)
        name = _name(part)
        assert name is not None
        config, tensors = READERS[name](unwrapped(part))
        colours = "grey" if config["colours"] == 1 else "RGB"
        what = f"{name} for {colours} images, channels {config['channels']}, {config['count']}"
        what += " residual blocks a level" if name == "DRUNet" else " convolutions"
        if name == "BF-CNN":
            what += ", which is not told the noise level"
        return Converted(what, tensors, {"kind": KIND, "network": name, "config": config})


def _name(tree: Any) -> str | None:
    if not isinstance(tree, dict):
        return None
    keys = unwrapped(tree).keys()
    return next((name for name, marks in MARKS.items() if keys >= marks), None)


def _colours(channels: float, name: str) -> int:
    if channels not in (1, 3):
        raise BadWeights(
            f"this {name} is for images of {channels:g} channels", "needed is one of grey or RGB"
        )
    return int(channels)


def _count(found: Found, pattern: str) -> int:
    """How many names match, up to the first that is missing."""
    names = {int(match[1]) for key in found if (match := re.fullmatch(pattern, key))}
    return next(i for i in range(len(names) + 1) if i not in names)


def ffdnet(found: Found) -> Made:
    """Read an FFDNet: convolutions at even places, ReLU between.

    Args:
        found: Values by their published names.

    Returns:
        The arguments of the network, and its tensors.

    Raises:
        BadWeights: If something does not fit.
    """
    places = sorted(
        int(match[1]) for key in found if (match := re.fullmatch(r"model\.(\d{1,4})\.weight", key))
    )
    count = len(places)
    if places != [2 * i for i in range(count)]:
        raise BadWeights(
            "this FFDNet has layers between its convolutions, at model."
            f"{next(p for i, p in enumerate(places) if p != 2 * i)}",
            "read are those of convolutions and ReLU alone, as ffdnet_color.pth",
        )
    channels, inputs, *_ = shape_of(found, "model.0.weight", 4)
    colours = _colours((inputs - 1) / 4, "FFDNet")
    widths = [inputs, *[channels] * (count - 1), 4 * colours]
    rules = []
    for i, place in enumerate(places):
        shape = (widths[i + 1], widths[i], 3, 3)
        rules.append(Rule(f"model.{place}.weight", shape, f"layers.{i}.weight"))
        rules.append(Rule(f"model.{place}.bias", shape[:1], f"layers.{i}.bias"))
    config: dict[str, object] = {"colours": colours, "channels": channels, "count": count}
    return config, renamed(rules, found, "FFDNet")


def drunet(found: Found) -> Made:
    """Read a DRUNet.

    Args:
        found: Values by their published names.

    Returns:
        The arguments of the network, and its tensors.

    Raises:
        BadWeights: If something does not fit.
    """
    first, inputs, *_ = shape_of(found, "m_head.weight", 4)
    channels = [first]
    colours = _colours(inputs - 1, "DRUNet")
    count = _count(found, r"m_body\.(\d{1,4})\.res\.0\.weight")
    depth = sum(f"m_down{level}.0.res.0.weight" in found for level in range(1, 10))
    for level in range(1, depth + 1):
        channels.append(shape_of(found, f"m_down{level}.{count}.weight", 4)[0])
    rules = [
        Rule("m_head.weight", (channels[0], inputs, 3, 3), "head.weight"),
        Rule("m_tail.weight", (colours, channels[0], 3, 3), "tail.weight"),
    ]

    def blocks(source: str, first: int, name: str, width: int) -> None:
        for i in range(count):
            for place, own in ((0, "first"), (2, "second")):
                rules.append(
                    Rule(
                        f"{source}.{first + i}.res.{place}.weight",
                        (width, width, 3, 3),
                        f"{name}.{i}.{own}.weight",
                    )
                )

    for level in range(depth):
        fine, coarse = channels[level], channels[level + 1]
        down, up = f"m_down{level + 1}", f"m_up{level + 1}"
        blocks(down, 0, f"down.{level}", fine)
        blocks(up, 1, f"up.{level}", fine)
        shape = (coarse, fine, 2, 2)
        rules.append(Rule(f"{down}.{count}.weight", shape, f"shrink.{level}.weight"))
        rules.append(Rule(f"{up}.0.weight", shape, f"grow.{level}.weight"))
    blocks("m_body", 0, "body", channels[-1])
    config = {"colours": colours, "channels": channels, "count": count}
    return config, renamed(rules, found, "DRUNet")


def bias_free(found: Found) -> Made:
    """Read a bias-free CNN; features are divided by their stored standard deviations.

    Args:
        found: Values by their published names.

    Returns:
        The arguments of the network, and its tensors.

    Raises:
        BadWeights: If something does not fit.
    """
    channels, colours, *_ = shape_of(found, "conv_layers.0.weight", 4)
    count = _count(found, r"conv_layers\.(\d{1,4})\.weight")
    colours = _colours(colours, "BF-CNN")
    widths = [colours, *[channels] * (count - 1), colours]
    shapes = {f"conv_layers.{i}.weight": (widths[i + 1], widths[i], 3, 3) for i in range(count)}
    scales = {f"running_sd.{i}": (1, channels, 1, 1) for i in range(count - 2)}
    gammas = {f"gammas.{i}": (1, channels, 1, 1) for i in range(count - 2)}
    scaled = "gammas.0" in found
    tensors = require({**shapes, **scales, **(gammas if scaled else {})}, found, "BF-CNN")
    rules = [
        Rule(name, shape, f"layers.{i}.weight") for i, (name, shape) in enumerate(shapes.items())
    ]
    own = renamed(rules, {name: tensors[name] for name in shapes}, "BF-CNN")
    gains = _stacked(tensors, scales).reciprocal()
    if scaled:
        gains = gains * _stacked(tensors, gammas)
    if not bool(gains.isfinite().all()):
        raise BadWeights("a standard deviation of this BF-CNN is 0 or not finite", "")
    return {"colours": colours, "channels": channels, "count": count}, {**own, "gains": gains}


def _stacked(tensors: Mapping[str, Tensor], names: Mapping[str, Any]) -> Tensor:
    return torch.stack([tensors[name].float().flatten() for name in names])


READERS: dict[str, Callable[[Found], Made]] = {
    "FFDNet": ffdnet,
    "DRUNet": drunet,
    "BF-CNN": bias_free,
}
