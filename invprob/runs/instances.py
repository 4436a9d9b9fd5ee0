"""Components that are objects already: a registry of them beside those that plugins offer."""

from __future__ import annotations

import dataclasses
import inspect
import re
from dataclasses import dataclass
from typing import Any

from invprob.config.registry import Entry, Registry
from invprob.errors import BadInput
from invprob.generator import Generator
from invprob.operator import LinearOperator, Noise, Operator
from invprob.params import Params, Spec
from invprob.plugin import Component, Kind
from invprob.prior import Denoiser, LogDensity, Prior, Proximal, Score
from invprob.solver import Solver

PLUGIN = "given"
CLASSES: dict[str, type] = {
    "solver": Solver, "operator": Operator, "noise": Noise, "generator": Generator, "prior": Prior,
}  # fmt: skip
CAPABILITIES = {
    "log_density": LogDensity, "score": Score, "denoiser": Denoiser, "proximal": Proximal,
    "linear": LinearOperator,
}  # fmt: skip


class NoParams(Params):
    """An object has its parameters already."""


@dataclass(frozen=True)
class InstanceEntry(Entry):
    """A registry entry whose component is an existing object.

    Attributes:
        thing: The object.
    """

    thing: Any = None

    def load(self) -> Any:
        return lambda *_: self.thing

    def params(self) -> Any:
        return NoParams


class Instances:
    """Names for components: texts and specs stay as they are, an object gets a name of its own.

    Args:
        registry: The components of plugins.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._given: list[InstanceEntry] = []

    @property
    def registry(self) -> Registry:
        """The components of plugins and the objects named so far."""
        return dataclasses.replace(self._registry, entries=(*self._registry.entries, *self._given))

    def spec(self, kind: Kind, value: str | Spec | Any) -> Spec:
        """Give the spec by which a component is found in `registry`.

        Args:
            kind: The kind of component.
            value: A text ``NAME:key=value``, a spec, or an object of that kind.

        Returns:
            The spec.

        Raises:
            BadInput: If the object is of another kind.
        """
        if isinstance(value, (str, Spec)):
            return Spec.model_validate(value)
        if not isinstance(value, CLASSES[kind]) or inspect.isclass(value):
            raise BadInput(
                f"{value!r} is no {kind}",
                f"give a text such as NAME:key=value, or an instance of {CLASSES[kind].__name__}",
            )
        # numbered, for one name must not stand for two objects
        word = re.sub(r"[^a-z0-9]", "", type(value).__name__.lower()) or kind
        name = f"{PLUGIN}-{word}-{len(self._given)}"
        offers = tuple(word for word, known in CAPABILITIES.items() if isinstance(value, known))
        target = f"{type(value).__module__}:{type(value).__name__}"
        component = Component(kind, name, target, "", f"A {kind} given as an object.", (), offers)
        self._given.append(InstanceEntry(PLUGIN, component, "", value))
        return Spec(name=name)
