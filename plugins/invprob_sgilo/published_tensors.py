"""What published files have in common: they name and shape our tensors anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from invprob.converter import require
from invprob.errors import BadWeights


@dataclass(frozen=True)
class Rule:
    """A tensor there, its shape, and its name and shape here; without a name it is not kept."""

    source: str
    shape: tuple[int, ...]
    name: str = ""
    own: tuple[int, ...] | None = None


def renamed(rules: Iterable[Rule], found: Mapping[str, Any], what: str) -> dict[str, Tensor]:
    """Our tensors, float32, by the rules; names and shapes of `found` must be exactly theirs."""
    rules = list(rules)
    tensors = require({rule.source: rule.shape for rule in rules}, found, what)
    own: dict[str, Tensor] = {}
    for rule in rules:
        if rule.name:
            shape_here = rule.shape if rule.own is None else rule.own
            own[rule.name] = tensors[rule.source].float().reshape(shape_here)
    for name, value in own.items():
        if not bool(value.isfinite().all()):
            raise BadWeights(f"tensor {name} holds numbers that are not finite", "")
    return own


def shape(found: Mapping[str, Any], name: str, dimensions: int, hint: str = "") -> tuple[int, ...]:
    """The shape of a tensor from which the architecture is read."""
    value = found.get(name)
    if not isinstance(value, Tensor) or value.dim() != dimensions or value.numel() == 0:
        raise BadWeights(f"there is no tensor {name} of {dimensions} dimensions", hint)
    return tuple(value.shape)
