"""A plugin of toys that breaks no rule; those that break one derive from these."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field

from invprob.callback import Callback, CallbackContext
from invprob.config.registry import Entry
from invprob.converter import Converted, Converter
from invprob.noise import WhiteNoise
from invprob.params import Params
from invprob.plugin import Component, Kind, hookimpl
from invprob.solver import Progress
from invprob.testing import toys
from invprob.trainer import TrainingProgress
from tests.toys import Langevin


class Nothing(Params):
    """No parameters."""


class Steps(Params):
    """How far to go."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"steps": 6}]})

    steps: int = Field(500, ge=1, description="Steps.")
    sizes: tuple[float, ...] = Field((0.02, 0.01), description="Step sizes.")
    rule: Literal[1, 2] = Field(1, description="Which rule.")
    note: str | None = Field(None, description="A note.")


class Generator(toys.Linear):
    def __init__(self, params: Nothing) -> None:
        super().__init__()


class Operator(toys.Dense):
    def __init__(self, params: Nothing, in_shape: tuple[int, ...], seed: int) -> None:
        super().__init__(in_shape, 8, seed)


class Noise(WhiteNoise):
    def __init__(self, params: Nothing) -> None:
        super().__init__(0.1)


class Prior(toys.Density, toys.Denoised, toys.Shrinking):
    def __init__(self, params: Nothing, generator: Any, stage: int) -> None:
        super().__init__(0.1, 0.8)


class Walk(Langevin):
    """Langevin on the input of the generator."""

    params: Steps

    def size(self) -> float:
        return self.params.sizes[0] / 10


class Counting(Callback):
    """Counts the steps that it sees."""

    def __init__(self, params: Nothing, context: CallbackContext) -> None:
        self.count = context.first

    def __call__(self, progress: Progress) -> None:
        self.count += 1


class Reading(Converter):
    """Reads one tensor."""

    def recognise(self, tree: Any) -> bool:
        return isinstance(tree, dict) and set(tree) == {"toy"}

    def convert(self, tree: Any) -> Converted:
        return Converted("a toy", tree, {"kind": "toy"})


def train(params: Steps, source: Path, out: Path) -> Iterator[TrainingProgress]:
    for step in range(params.steps):
        yield TrainingProgress(step + 1, params.steps, {})


MORE: dict[str, dict[str, Any]] = {
    "solver": {"needs": ("generator", "prior.log_density")},
    "operator": {"offers": ("linear",)},
    "prior": {"offers": ("log_density", "score", "denoiser", "proximal")},
}


def component(kind: Kind, target: Any, params: type = Nothing, **changes: Any) -> Component:
    """The record of a class or function, described as the sound ones of its kind."""
    where, model = (f"{thing.__module__}:{thing.__qualname__}" for thing in (target, params))
    fields = {"summary": "A toy.", **MORE.get(kind, {}), **changes}
    return Component(kind, f"toy-{kind}", where, model, **fields)


def entry(kind: Kind, target: Any, params: type = Nothing, **changes: Any) -> Entry:
    """The same as the registry keeps it."""
    return Entry("toys", component(kind, target, params, **changes))


@hookimpl
def invprob_components() -> list[Component]:
    return [
        component("generator", Generator),
        component("operator", Operator),
        component("noise", Noise),
        component("prior", Prior),
        component("solver", Walk, Steps),
        component("trainer", train, Steps),
        component("observer", Counting),
        component("converter", Reading),
    ]
