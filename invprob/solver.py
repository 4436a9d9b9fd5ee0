"""Solvers: a pure step on a problem; progress bars, checkpoints and early stops are observers.

`State` is what the next step needs, `Info` what only a reader wants. Randomness is a function of
(chain key, purpose, step), so a run that is stopped, saved, loaded and resumed gives the same bits
on a CPU, and a batch gives what its elements give alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from invprob.errors import Incompatible
from invprob.generator import Generator
from invprob.operator import Operator
from invprob.params import Configurable
from invprob.prior import Prior


@dataclass(frozen=True)
class Problem:
    """N rows to solve side by side: B measurements × S samples, the samples of one in a row.

    `y` is (N, *operator.out_shape); `keys` has one random key per row, a function of the seed, the
    measurement and the number of the sample, and of nothing else.
    """

    y: Tensor
    operator: Operator
    generator: Generator
    keys: tuple[int, ...]
    priors: Mapping[int, Prior] = field(default_factory=dict)

    def prior(self, stage: int, capability: type[Prior], solver: str) -> Any:
        """The prior of a stage, checked to have the capability that the solver needs."""
        prior = self.priors.get(stage)
        if not isinstance(prior, capability):
            have = type(prior).__name__ if prior is not None else "none"
            raise Incompatible(
                f"{solver} needs a prior with a {capability.__name__.lower()} at stage {stage},"
                f" there is {have}",
                f"give one with --prior {stage}=NAME, or choose other stages",
            )
        return prior


@dataclass(frozen=True, kw_only=True)
class State:
    """All that the next step needs, and nothing else.

    A class that gets another name lists the old one in `formerly`, and one that renames fields
    lists them in `renamed` as ``{old: new}``: checkpoints written before then still load.
    """

    formerly: ClassVar[tuple[str, ...]] = ()
    renamed: ClassVar[Mapping[str, str]] = {}

    step: int = 0


class Info(NamedTuple):
    """What only a reader wants: current images (N, C, H, W), the stage, figures of shape (N,).

    `draw` says that this step counts as a draw of the posterior (burn-in is over, and thinning
    keeps it); `latent` is then the latent that the image was made of, and of the same structure in
    all draws of a run.
    """

    image: Tensor
    stage: int
    metrics: Mapping[str, Tensor]
    draw: bool = False
    latent: Any = None


class Progress(NamedTuple):
    """What a step returns."""

    state: Any
    info: Info


class Result(NamedTuple):
    """What a state says about the answer, row by row: `image` is the last sample or the estimate,
    `mean` and `var` are moments along the chain, each (N, C, H, W)."""

    image: Tensor
    mean: Tensor
    var: Tensor


class Solver(Configurable, ABC):
    """An algorithm. `returns` says whether its images are point estimates or posterior samples.

    A subclass names the model of its parameters as `params_type`, and takes their values by name.
    `states` are the dataclasses that a checkpoint of it may hold.
    """

    returns: ClassVar[Literal["estimate", "sample"]]
    states: ClassVar[tuple[type, ...]] = ()

    @property
    def bias(self) -> float:
        """What a sampler admits to get wrong: standard deviations by this part, means by so many
        of them, weights of modes by as much. `invprob check NAME --posterior` allows for it."""
        return 0.0

    @abstractmethod
    def stages(self, generator: Generator) -> tuple[int, ...]:
        """The stages whose latents this solver moves, in order; priors are built for these."""

    @abstractmethod
    def total(self, problem: Problem) -> int:
        """The number of steps of a full run."""

    @abstractmethod
    def init(self, problem: Problem) -> State:
        """The state before the first step."""

    @abstractmethod
    def step(self, problem: Problem, state: Any) -> Progress:
        """The next state, and what a reader wants to know of it; pure."""

    @abstractmethod
    def result(self, problem: Problem, state: Any) -> Result:
        """What a state says about the answer."""

    def done(self, problem: Problem, state: Any) -> bool:
        """Whether nothing is left to do."""
        return bool(state.step >= self.total(problem))

    def run(self, problem: Problem, state: Any = None) -> Iterator[Progress]:
        """Step after step; the caller decides when to stop. Keep only the last `Progress`."""
        with torch.no_grad():
            state = self.init(problem) if state is None else state
        while not self.done(problem, state):
            with torch.no_grad():
                progress = self.step(problem, state)
            state = progress.state
            yield progress
