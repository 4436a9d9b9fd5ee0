"""What is checked: a plugin as a whole, and its components, each with small parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from torch import nn

from invprob.config.registry import Entry, Registry
from invprob.errors import InvprobError
from invprob.noise import WhiteNoise
from invprob.operator import Operator
from invprob.testing import toys
from invprob.testing.check import Inapplicable

SHAPES = ((3, 8, 12), (1, 10, 8), (3, 8, 8), (1, 8, 8), (3, 64, 64))
"""The shapes of images on which an operator is tried: the first that it accepts.

One for squares alone says so by refusing the first two with an `InvprobError`.
"""

STAGES = (0, 1, 2, 3)
"""The stages for which a prior is tried: the first for which it can be built."""

SEED = 7


@dataclass(frozen=True)
class Plugin:
    """A plugin.

    Attributes:
        name: Its name.
        module: The module of its manifest.
        entries: Its components; none if it is broken.
        broken: Why it is broken; empty if it is not.
    """

    name: str
    module: str
    entries: tuple[Entry, ...]
    broken: str = ""


class Made(NamedTuple):
    """An instance of a component.

    Attributes:
        thing: The instance.
        arguments: What it was made of: its parameters, then what its kind gets besides.
    """

    thing: Any
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Case:
    """A component with the parameters of one example.

    Attributes:
        entry: The component in the registry.
        registry: Where the generator is found that a prior names among its `defaults`.
        example: The parameters by name.
        stages: Those for which a prior is tried, in order.
        beside: Parameters of other components by name, for the generators of a prior.
    """

    entry: Entry
    registry: Registry
    example: Mapping[str, Any]
    stages: tuple[int, ...] = STAGES
    beside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind of component."""
        return self.entry.component.kind

    @property
    def offers(self) -> tuple[str, ...]:
        """What the component offers, by its manifest."""
        return self.entry.component.offers

    def params(self) -> Any:
        """Read the parameters.

        Returns:
            An instance of the model of the component's parameters.

        Raises:
            BadParams: If the model refuses them.
        """
        return self.entry.params().parse(self.example, self.entry.component.name)

    def make(self) -> Any:
        """Build the component for a check of something else.

        Returns:
            An instance.

        Raises:
            Inapplicable: If it cannot be built.
        """
        return self.made().thing

    def made(self) -> Made:
        """Build the component for a check that needs its arguments too.

        Returns:
            An instance with its arguments.

        Raises:
            Inapplicable: If it cannot be built.
        """
        try:
            return self.build()
        except Exception as error:
            raise Inapplicable(f"it cannot be built: {error}") from error

    def build(self) -> Made:
        """Build the component, in evaluation mode, with whatever it raises.

        Returns:
            An instance with its arguments: an operator for the first of `SHAPES` that it accepts, a
            prior for the first of `places`.

        Raises:
            InvprobError: If it refuses parameters, shapes or stages.
        """
        target, params = self.entry.load(), self.params()
        attempts: list[tuple[Any, ...]] = [(params,)]
        if self.kind == "operator":
            attempts = [(params, shape, SEED) for shape in SHAPES]
        elif self.kind == "prior":
            attempts = [(params, *place) for place in self.places()]
        made = _first(target, attempts)
        if isinstance(made.thing, Operator):
            made = made._replace(thing=made.thing.with_noise(WhiteNoise(toys.SIGMA)))
        if isinstance(made.thing, nn.Module):
            made.thing.eval().requires_grad_(False)
        return made

    def places(self) -> list[tuple[Any, int]]:
        """List where a prior is tried.

        Returns:
            Pairs (generator, stage), at least one; (None, 0) for a prior of images.

        Raises:
            Inapplicable: If no generator is deep enough.
        """
        if "pixels" in self.offers:
            return [(None, 0)]
        generators = self.generators()
        found = [(g, stage) for g in generators for stage in self.stages if stage < g.depth]
        if not found:
            raise Inapplicable(f"its generator has no stage {' or '.join(map(str, self.stages))}")
        return found

    def generators(self) -> list[Any]:
        """Make the generators over whose latents a prior is.

        Returns:
            One for each example of the generator among its `defaults`, or where these cannot be
            built the one whose parameters are given; or a toy.
        """
        name = dict(self.entry.component.defaults).get("generator")
        if name is None:
            return [toys.Linear()]
        entry = self.registry.find("generator", name)
        try:
            return [case.build().thing for case in cases(entry, self.registry)]
        except InvprobError:
            given = self.beside.get(entry.component.name)
            if given is None:
                raise
            return [cases(entry, self.registry, given)[0].build().thing]


def cases(
    entry: Entry,
    registry: Registry,
    given: Mapping[str, Any] | None = None,
    beside: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Case]:
    """Make the cases of a component.

    Args:
        entry: The component.
        registry: Where the generators of priors are found.
        given: Parameters to try instead of the examples of the params model.
        beside: Such parameters of other components, by name.

    Returns:
        A case for each example, at least one: that of the defaults if there is no example.
    """
    one = Case(entry, registry, {}, beside=beside or {})
    if given is not None:
        return [replace(one, example=given)]
    return [replace(one, example=example) for example in examples(entry)] or [one]


def examples(entry: Entry) -> list[Mapping[str, Any]]:
    """Read the examples of a params model.

    Args:
        entry: The component.

    Returns:
        Parameters by name; none if the model cannot be loaded, which fails another check.
    """
    try:
        extra = getattr(entry.params(), "model_config", {}).get("json_schema_extra")
    except InvprobError:
        return []
    return list(extra.get("examples", ())) if isinstance(extra, dict) else []


def _first(target: Any, attempts: list[tuple[Any, ...]]) -> Made:
    """The first that can be built; else the first refusal is raised."""
    refusals = []
    for arguments in attempts:
        try:
            return Made(target(*arguments), arguments)
        except InvprobError as refusal:
            refusals.append(refusal)
    raise refusals[0]
