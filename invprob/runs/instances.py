"""Components that are objects already: a registry of them beside those that plugins offer."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import re
from dataclasses import dataclass
from typing import Any

from invprob import errors
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Entry, Registry
from invprob.errors import BadInput
from invprob.generator import Generator
from invprob.noise import UnknownNoise
from invprob.operator import LinearOperator, Noise, Operator
from invprob.params import Params, Spec, read_chain
from invprob.plugin import Component, Kind
from invprob.prior import Denoiser, LogDensity, Prior, Proximal, Score
from invprob.runs.function import FunctionOperator
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
        if inspect.isroutine(self.thing):
            return lambda params, shape, seed: FunctionOperator(self.thing, shape)
        if isinstance(self.thing, (Operator, Noise)):
            # a run computes with it in float32 and on its device, and its owner with what it was
            return lambda *_: copy.deepcopy(self.thing)
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
            The spec. A function will do as an operator.

        Raises:
            BadInput: If the object is of another kind.
        """
        if isinstance(value, (str, Spec)):
            return Spec.model_validate(value)
        function = kind == "operator" and inspect.isroutine(value)
        if not isinstance(value, CLASSES[kind]) and not function:
            raise BadInput(*_unfit(kind, value))
        # numbered, for one name must not stand for two objects
        word = re.sub(r"[^a-z0-9]", "", type(value).__name__.lower()) or kind
        name = f"{PLUGIN}-{word}-{len(self._given)}"
        offers = tuple(word for word, known in CAPABILITIES.items() if isinstance(value, known))
        target = f"{type(value).__module__}:{type(value).__name__}"
        known = self._known(kind, type(value))
        needs, defaults = (known.needs, known.defaults) if known else ((), ())
        summary = f"A {kind} given as an object."
        component = Component(kind, name, target, "", summary, needs, offers, defaults)
        self._given.append(InstanceEntry(PLUGIN, component, "", value))
        return Spec(name=name)

    def operators(self, value: Any) -> list[Spec]:
        """Give the specs of a chain of operators.

        Args:
            value: An operator as `spec` takes it, or a sequence of such; a text may be a chain
                ``A|B`` itself.

        Returns:
            The spec of each.

        Raises:
            BadInput: If one is not an operator.
        """
        several = value if isinstance(value, (list, tuple)) else [value]
        texts = (read_chain(part) if isinstance(part, str) else [part] for part in several)
        return [self.spec("operator", part) for parts in texts for part in parts]

    def check_used(self, solver: Any, experiment: ResolvedExperiment) -> None:
        """Warn of a solver object of one's own that is left with neither generator nor prior.

        Args:
            solver: The solver as it was given.
            experiment: What is run.
        """
        own = isinstance(solver, Solver) and self._known("solver", type(solver)) is None
        if own and experiment.generator is None and not experiment.prior:
            errors.warn(
                f"solver {type(solver).__name__} is given no generator and works on plain pixels;"
                " give generator='stylegan2', or invprob.generator.Identity(shape) if it is meant"
            )

    def _known(self, kind: Kind, cls: type) -> Component | None:
        """The component of a plugin whose target is a class, or its `from_params`."""
        target = f"{cls.__module__}:{cls.__qualname__}"
        ours = (entry.component for entry in self._registry.of_kind(kind))
        return next((c for c in ours if c.target.removesuffix(".from_params") == target), None)


def noise_of(operator: Any) -> Noise | None:
    """Tell the noise that an operator, or the last that has one of several, was made with.

    Args:
        operator: An object, a text, or a sequence of such.

    Returns:
        The noise, where it is known.
    """
    several = operator if isinstance(operator, (list, tuple)) else [operator]
    noises = (part.noise for part in reversed(several) if isinstance(part, Operator))
    return next((noise for noise in noises if not isinstance(noise, UnknownNoise)), None)


def _unfit(kind: Kind, value: Any) -> tuple[str, str]:
    """Why an object is not a component of a kind, and what would be."""
    expected = CLASSES[kind]
    if inspect.isclass(value) and issubclass(value, expected):
        name = value.__name__
        return f"{kind} is the class {name}", f"give an instance of it: {name}(…)"
    text = "a text such as NAME:key=value"
    article = "an" if kind[0] in "aeiou" else "a"
    return (
        f"{value!r} is not {article} {kind}",
        f"give {text}, or an instance of {expected.__name__}",
    )
