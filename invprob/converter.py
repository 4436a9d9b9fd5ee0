"""Converters: weights in a published format become tensors that a loader of ours reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from invprob.errors import BadWeights, shown

WRAPPER = "module."


@dataclass(frozen=True)
class Converted:
    """Weights in our own format.

    Attributes:
        summary: What was recognised, in a few words: ``"StyleGAN-2 of NVlabs (G_ema), …"``.
        tensors: The tensors, named as the loader wants them.
        metadata: What the loader reads besides, ``"kind"`` among it (``"stylegan2"``, …); values
            other than strings become JSON.
    """

    summary: str
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, object]


class Converter(ABC):
    """One published format. Built with its parameters, given the tree of an opened file.

    A tree (see `invprob.weights.unpickle`) is made of dict, list, tuple, set, str, bytes, numbers,
    None, tensors, and `invprob.weights.unpickle.Inert` objects, which are the name and the state of
    an object of a class that is not ours. It is as its author wanted it: nothing in it can be
    relied on.

    Args:
        params: The parameters, an instance of the model that the manifest names.
    """

    def __init__(self, params: Any) -> None:
        self.params = params

    @abstractmethod
    def recognise(self, tree: Any) -> bool:
        """Whether a tree is of this format; never raises.

        Args:
            tree: The tree of an opened file, of which names and shapes are looked at.

        Returns:
            True if `convert` can be tried.
        """

    @abstractmethod
    def convert(self, tree: Any) -> Converted:
        """Convert a tree that was recognised.

        Args:
            tree: The tree of an opened file.

        Returns:
            The weights in our own format.

        Raises:
            BadWeights: If something does not fit.
        """


def unwrapped(tree: Mapping[Any, Any]) -> dict[str, Any]:
    """A state dict without the prefix of nn.DataParallel, which is cut if all names have it.

    Args:
        tree: The state dict.

    Returns:
        The same values under the names without ``"module."``.
    """
    names = [str(key) for key in tree]
    cut = len(WRAPPER) if all(name.startswith(WRAPPER) for name in names) else 0
    return dict(zip((name[cut:] for name in names), tree.values(), strict=True))


def alone(tree: Any, fits: Callable[[Any], bool]) -> Any:
    """Find the one network of a tree.

    People keep a state dict bare, or as ``state_dict``, ``model``, ``ema``, … beside other things.

    Args:
        tree: The tree of an opened file.
        fits: Whether a part of it is the network.

    Returns:
        The tree itself, or the only entry that fits, whatever its name; None if none or several do.
    """
    if fits(tree):
        return tree
    found = [value for value in tree.values() if fits(value)] if isinstance(tree, dict) else []
    return found[0] if len(found) == 1 else None


def require(
    expected: Mapping[str, Sequence[int]], found: Mapping[str, Any], what: str
) -> dict[str, Tensor]:
    """Check that tensors have exactly the names and shapes that are expected.

    Args:
        expected: Shapes by name.
        found: What should be tensors of real numbers, by name.
        what: What the message calls the network.

    Returns:
        The tensors of `found`.

    Raises:
        BadWeights: If one is missing, unexpected, not a tensor of real numbers, or of another
            shape; it names them.
    """
    real = {k: isinstance(v, Tensor) and v.is_floating_point() for k, v in found.items()}
    shapes = {k: tuple(v.shape) if real[k] else None for k, v in found.items()}
    other = [
        f"{k} {'is not a tensor of reals' if (s := shapes[k]) is None else s}"
        f" for {tuple(expected[k])}"
        for k in expected.keys() & shapes.keys()
        if shapes[k] != tuple(expected[k])
    ]
    faults = {
        "missing": [k for k in expected if k not in shapes],
        "unexpected": [str(k) for k in shapes if k not in expected],
        "of another shape": sorted(other),
    }
    told = [f"{len(names)} {fault}: {_some(names)}" for fault, names in faults.items() if names]
    if told:
        raise BadWeights(
            f"the tensors are not those of a {what}; {'; '.join(told)}",
            "the file is damaged, or of another architecture or version",
        )
    return dict(found)


def _some(names: Sequence[str], limit: int = 6) -> str:
    told = ", ".join(shown(name) for name in names[:limit])
    return told + (", …" if len(names) > limit else "")


@dataclass(frozen=True)
class Rule:
    """How one published tensor becomes one of ours.

    Attributes:
        source: Its published name.
        shape: Its published shape.
        name: Its name here; a tensor without one is not kept.
        own: Its shape here, of as many numbers; None: the published one.
    """

    source: str
    shape: tuple[int, ...]
    name: str = ""
    own: tuple[int, ...] | None = None


def renamed(rules: Iterable[Rule], found: Mapping[str, Any], what: str) -> dict[str, Tensor]:
    """Rename and reshape tensors to our layout.

    Args:
        rules: One rule per tensor of `found`.
        found: Tensors by their published names, exactly those of the rules.
        what: What the message calls the network.

    Returns:
        Our tensors by name, float32.

    Raises:
        BadWeights: If names or shapes are others, or a number is not finite.
    """
    rules = list(rules)
    tensors = require({rule.source: rule.shape for rule in rules}, found, what)
    own: dict[str, Tensor] = {}
    for rule in rules:
        if rule.name:
            shape_here = rule.shape if rule.own is None else rule.own
            own[rule.name] = tensors[rule.source].float().reshape(shape_here)
    for name, value in own.items():
        if not bool(value.float().isfinite().all()):
            raise BadWeights(f"tensor {name} holds numbers that are not finite", "")
    return own


def shape_of(
    found: Mapping[str, Any], name: str, dimensions: int, hint: str = ""
) -> tuple[int, ...]:
    """The shape of a tensor from which the architecture is read.

    Args:
        found: Tensors by name.
        name: The name of the tensor.
        dimensions: The number of axes that it must have.
        hint: What to do if there is no such tensor, for the message.

    Returns:
        The length of each axis, ≥ 1.

    Raises:
        BadWeights: If there is no such tensor.
    """
    value = found.get(name)
    if not isinstance(value, Tensor) or value.dim() != dimensions or value.numel() == 0:
        raise BadWeights(f"there is no tensor {name} of {dimensions} dimensions", hint)
    return tuple(value.shape)
