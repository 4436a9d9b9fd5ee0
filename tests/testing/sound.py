"""A plugin of toys that breaks no rule; those that break one derive from these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from invprob import seeds
from invprob.config.registry import Entry
from invprob.latents import stages
from invprob.noise import WhiteNoise
from invprob.params import Params
from invprob.plugin import Component, Kind, hookimpl
from invprob.prior import LogDensity
from invprob.solver import Info, Problem, Progress, Result, Solver, State
from invprob.testing import toys
from invprob.trainer import TrainingProgress


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


@dataclass(frozen=True, kw_only=True)
class WalkState(State):
    x: Tensor
    total: Tensor
    square: Tensor


class Walk(Solver):
    """Langevin on the input of the generator."""

    returns = "sample"
    states = (WalkState,)
    params: Steps

    def stages(self, generator: Any) -> tuple[int, ...]:
        return (0,)

    def total(self, problem: Problem) -> int:
        return self.params.steps

    def init(self, problem: Problem) -> State:
        x = stages.draws(problem.generator, 0, problem.keys, "start")
        zero = torch.zeros_like(problem.generator(x))
        return WalkState(x=x, total=zero, square=zero)

    def noise(self, problem: Problem, state: WalkState) -> Tensor:
        return seeds.normal_like(state.x, problem.keys, "walk", state.step)

    def step(self, problem: Problem, state: WalkState) -> Progress:
        prior = problem.prior(0, LogDensity, "walk")
        with torch.enable_grad():
            x = state.x.detach().requires_grad_()
            image = problem.generator(x)
            energy = -problem.operator.log_likelihood(problem.y, image) - prior.log_density(x)
            slope = stages.gradient(energy, x)
        image, size = image.detach(), self.params.sizes[0] / 10
        moved = state.x - size * slope + (2 * size) ** 0.5 * self.noise(problem, state)
        after = WalkState(
            step=state.step + 1,
            x=moved,
            total=state.total + image,
            square=state.square + image**2,
        )
        chi2 = problem.operator.chi2(problem.y, image)
        return Progress(after, Info(image, 0, {"chi2": chi2}, True, state.x))

    def result(self, problem: Problem, state: WalkState) -> Result:
        mean = state.total / max(state.step, 1)
        variance = (state.square / max(state.step, 1) - mean**2).clamp_min(0)
        return Result(problem.generator(state.x), mean, variance)


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
    ]
