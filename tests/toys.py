"""A plugin of toys, linear and Gaussian, with which a whole run takes a fraction of a second."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from invprob import seeds, tree
from invprob.errors import BadInput
from invprob.generator import Generator
from invprob.latents import stages
from invprob.operator import LinearOperator, Noise
from invprob.params import Params
from invprob.plugin import Component, hookimpl
from invprob.prior import LogDensity, Proximal
from invprob.solver import Info, Problem, Progress, Result, Solver, State
from invprob.trainer import TrainingProgress

SIZE = 16
SHAPE = (1, SIZE, SIZE)


def _component(
    kind: Any, name: str, target: str, params: str, summary: str, **rest: Any
) -> Component:
    return Component(kind, name, f"tests.toys:{target}", f"tests.toys:{params}", summary, **rest)


@hookimpl
def invprob_components() -> list[Component]:
    return [
        _component(
            "solver",
            "walk",
            "Walk",
            "WalkParams",
            "Langevin on the input of the generator.",
            needs=("generator", "prior.log_density"),
            defaults=(("generator", "linear"), ("prior", "normal")),
        ),
        _component(
            "solver",
            "faulty",
            "Faulty",
            "FaultyParams",
            "The walk, with a fault.",
            needs=("generator", "prior.log_density"),
            defaults=(("generator", "linear"), ("prior", "normal")),
        ),
        _component("operator", "mask", "Mask", "MaskParams", "Keeps some of the pixels."),
        _component("noise", "gauss", "Gauss", "GaussParams", "Gaussian noise."),
        _component("noise", "none", "Gauss", "NoneParams", "No noise."),
        _component("generator", "linear", "Linear", "LinearParams", "A linear map in two stages."),
        _component(
            "prior",
            "normal",
            "Normal",
            "NoParams",
            "The standard normal law.",
            offers=("log_density",),
        ),
        _component("prior", "box", "Box", "NoParams", "The unit box.", offers=("proximal",)),
        _component("trainer", "count", "count", "CountParams", "Counts, and remembers."),
    ]


class NoParams(Params):
    """Nothing to set."""


class WalkParams(Params):
    """Langevin on the input."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"steps": 3}]})

    steps: int = Field(20, ge=1, description="Steps.")
    lr: float = Field(0.02, gt=0, description="Step size.")
    burn: int = Field(-1, ge=-1, description="Steps before draws; -1: none.")
    wait: float = Field(0.0, ge=0, description="Seconds to sleep in each step.")


class FaultyParams(WalkParams):
    """What goes wrong, once the file `once` is gone if one is given."""

    fault: str = Field("raise", description="raise, exit, nan, hang or die.")
    once: str = Field("", description="A file; the fault takes it away, and needs it.")


class MaskParams(Params):
    """A random mask."""

    keep: float = Field(0.5, gt=0, le=1, description="Part of the pixels that are kept.")


class GaussParams(Params):
    """Gaussian noise."""

    sigma: float = Field(0.05, gt=0, description="Standard deviation.")


class NoneParams(Params):
    """No noise."""

    sigma: float = Field(0.0, ge=0, le=0, description="Nothing.")


class LinearParams(Params):
    """A linear generator."""

    scale: float = Field(0.1, gt=0, description="Contrast.")


class CountParams(Params):
    """How far to count."""

    steps: int = Field(5, ge=1, description="Where to stop.")
    wait: float = Field(0.0, ge=0, description="Seconds to sleep in each step.")


class Linear(Generator):
    depth = 2
    image_shape = SHAPE

    def __init__(self, params: LinearParams) -> None:
        super().__init__()
        self.scale = params.scale
        rng = seeds.stream("toys")
        self.register_buffer("first", torch.randn(6, 12, generator=rng) / 6**0.5)
        self.register_buffer("second", torch.randn(12, SIZE * SIZE, generator=rng))

    def sample(self, batch: int, rng: torch.Generator) -> Tensor:
        return torch.randn(batch, 6, generator=rng)

    def stage(self, k: int, x: Tensor) -> Tensor:
        if k == 1:
            return x @ self.first
        return 0.5 + self.scale * (x @ self.second).reshape(-1, *SHAPE)


class Mask(LinearOperator):
    def __init__(self, params: MaskParams, in_shape: tuple[int, ...], seed: int) -> None:
        super().__init__()
        self.in_shape = self.out_shape = in_shape
        draw = torch.rand(in_shape, generator=seeds.stream(seed, "mask"))
        self.register_buffer("mask", (draw < params.keep).float())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.mask


class Gauss(Noise):
    def __init__(self, params: GaussParams | NoneParams) -> None:
        super().__init__()
        self.sigma = params.sigma

    def sample(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        return clean + self.sigma * torch.randn(clean.shape, generator=rng)

    def log_prob(self, y: Tensor, clean: Tensor) -> Tensor:
        return -((y - clean) ** 2).flatten(1).sum(1) / (2 * max(self.sigma, 0.01) ** 2)

    def chi2(self, y: Tensor, clean: Tensor) -> Tensor:
        square = ((y - clean) ** 2).flatten(1).mean(1)
        return square / self.sigma**2 if self.sigma else torch.full_like(square, torch.nan)

    def scale(self, y: Tensor) -> Tensor:
        return torch.full_like(y, self.sigma)


class Normal(LogDensity):
    def __init__(self, params: NoParams, generator: Generator, stage: int) -> None:
        super().__init__()

    def log_density(self, x: Tensor) -> Tensor:
        return -(x**2).flatten(1).sum(1) / 2


class Box(Proximal):
    def __init__(self, params: NoParams, generator: Generator, stage: int) -> None:
        super().__init__()

    def prox(self, x: Tensor, tau: float = 1.0) -> Tensor:
        return x.clamp(-1, 1)


@dataclass(frozen=True, kw_only=True)
class WalkState(State):
    x: Any
    total: Tensor
    square: Tensor


class Langevin(Solver):
    """On the input of the generator; every step is a draw."""

    returns = "sample"
    states = (WalkState,)

    def size(self) -> float:
        """The size of a step."""
        raise NotImplementedError

    def noise(self, problem: Problem, state: WalkState) -> Any:
        return seeds.normal_like(state.x, problem.keys, "walk", state.step)

    def stages(self, generator: Generator) -> tuple[int, ...]:
        return (0,)

    def total(self, problem: Problem) -> int:
        return self.params.steps

    def init(self, problem: Problem) -> WalkState:
        x = stages.draws(problem.generator, 0, problem.keys, "start")
        zero = torch.zeros_like(problem.generator(x))
        return WalkState(x=x, total=zero, square=zero)

    def step(self, problem: Problem, state: WalkState) -> Progress:
        prior = problem.prior(0, LogDensity, "walk")
        with torch.enable_grad():
            x = tree.variables(state.x)
            image = problem.generator(x)
            energy = -problem.operator.log_likelihood(problem.y, image) - prior.log_density(x)
            slope = stages.gradient(energy, x)
        image, size = image.detach(), self.size()
        after = WalkState(
            step=state.step + 1,
            x=tree.map(
                lambda u, g, e: u - size * g + (2 * size) ** 0.5 * e,
                state.x,
                slope,
                self.noise(problem, state),
            ),
            total=state.total + image,
            square=state.square + image**2,
        )
        chi2 = problem.operator.chi2(problem.y, image)
        return Progress(after, Info(image, 0, {"chi2": chi2}, True, state.x))

    def result(self, problem: Problem, state: WalkState) -> Result:
        mean = state.total / max(state.step, 1)
        variance = (state.square / max(state.step, 1) - mean**2).clamp_min(0)
        return Result(problem.generator(state.x), mean, variance)


class Walk(Langevin):
    params: WalkParams

    def size(self) -> float:
        return self.params.lr / 100

    def step(self, problem: Problem, state: WalkState) -> Progress:
        time.sleep(self.params.wait)
        after, info = super().step(problem, state)
        return Progress(after, info._replace(draw=0 <= self.params.burn <= state.step))


class Faulty(Walk):
    params: FaultyParams

    def step(self, problem: Problem, state: WalkState) -> Progress:
        moved = super().step(problem, state)
        if self.params.once:
            if not Path(self.params.once).exists():
                return moved
            Path(self.params.once).unlink()
        if self.params.fault == "raise":
            raise RuntimeError("out of luck")
        if self.params.fault == "exit":
            raise SystemExit("enough")
        if self.params.fault == "hang":
            time.sleep(3600)
        if self.params.fault == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        lost = dataclasses.replace(moved.state, total=moved.state.total * torch.nan)
        return Progress(lost, moved.info)


def count(params: CountParams, source: Path, out: Path) -> Iterator[TrainingProgress]:
    if not source.exists():
        raise BadInput(f"there is no file or folder {source}", "check the path")
    out.mkdir(parents=True, exist_ok=True)
    file = out / "checkpoint.txt"
    start = int(file.read_text()) if file.is_file() else 0
    for step in range(start + 1, params.steps + 1):
        time.sleep(params.wait)
        try:
            yield TrainingProgress(step, params.steps, {"loss": 1 / step})
        except GeneratorExit:
            file.write_text(str(step))
            raise
        if step == 1 or step == params.steps:
            file.write_text(str(step))
