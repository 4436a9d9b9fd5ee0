"""Solvers: a pure step on a problem; progress bars, checkpoints and early stops are callbacks.

`State` is what the next step needs, `Info` what only a reader wants. Randomness is a function of
(chain key, purpose, step), so a run that is stopped, saved, loaded and resumed gives the same bits
on a CPU, and a batch gives what its elements give alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, NamedTuple

import torch
from torch import Tensor
from typing_extensions import TypeVar

from invprob.errors import Incompatible
from invprob.generator import Generator
from invprob.global_state.torch_state import standardise
from invprob.params import Configurable
from invprob.problem import Problem
from invprob.tree import Tree


@dataclass(frozen=True, kw_only=True)
class State:
    """All that the next step needs, and nothing else.

    A class that gets another name lists the old one in `formerly`, and one that renames fields
    lists them in `renamed` as ``{old: new}``: checkpoints written before then still load.

    Attributes:
        step: How many steps were made, ≥ 0.
    """

    formerly: ClassVar[tuple[str, ...]] = ()
    renamed: ClassVar[Mapping[str, str]] = {}

    step: int = 0


class Info(NamedTuple):
    """What only a reader wants.

    Attributes:
        image: The current images, (N, C, H, W).
        stage: The stage whose latent moves.
        metrics: Numbers of each row by name, (N,).
        draw: Whether this step counts as a draw of the posterior: burn-in is over, and thinning
            keeps it.
        latent: With a draw, the latent that the image was made of; of one structure in a run.
    """

    image: Tensor
    stage: int = 0
    metrics: Mapping[str, Tensor] = MappingProxyType({})
    draw: bool = False
    latent: Tree = None


S = TypeVar("S", bound=State, default=Any)
"""The type of a solver's state; if it is left out, Any."""


class Progress(NamedTuple, Generic[S]):
    """What a step returns.

    Attributes:
        state: The next state.
        info: What the step shows to callbacks.
    """

    state: S
    info: Info


class Result(NamedTuple):
    """What a state says about the answer, row by row.

    Attributes:
        image: The last sample or the estimate, (N, C, H, W) in [0, 1].
        mean: The mean along the chain, (N, C, H, W).
        var: The variance along the chain, (N, C, H, W), ≥ 0.
    """

    image: Tensor
    mean: Tensor
    var: Tensor


def on_images(name: str, generator: Generator) -> None:
    """Refuse a generator with latents, for a solver that works on images themselves.

    Args:
        name: What the message calls the solver.
        generator: The generator of the problem.

    Raises:
        Incompatible: If it has latents.
    """
    if generator.depth > 0:
        raise Incompatible(f"{name} works on images, without a generator", "leave out --generator")


class Solver(Configurable, ABC, Generic[S]):
    """An algorithm. `returns` says whether its images are point estimates or posterior samples.

    A subclass names the model of its parameters as `params_type`, and takes their values by name.
    `states` are the dataclasses that a checkpoint of it may hold.
    """

    returns: ClassVar[Literal["estimate", "sample"]]
    states: ClassVar[tuple[type, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        standardise(cls, "validate", "stages", "total", "init", "step", "result")

    @property
    def bias(self) -> float:
        """The bias b that a sampler declares, which `invprob check NAME --posterior` allows for.

        Standard deviations may be off by a factor 1 + b, means by b posterior standard deviations,
        mode weights by b.
        """
        return 0.0

    @property
    def tempered(self) -> str:
        """Why samples are not of the posterior by Bayes' rule, as a phrase; empty where they are.

        Such samples are shown as an estimate.
        """
        return ""

    def validate(self, generator: Generator) -> None:
        """Check the parameters against a generator; `run` does so before the first step.

        By default every generator will do.

        Args:
            generator: The generator of the problem.

        Raises:
            BadParams: If a parameter does not fit the generator.
            Incompatible: If the solver cannot work with the generator at all.
        """
        return

    def stages(self, generator: Generator) -> tuple[int, ...]:
        """The stages whose latents this solver moves; priors are built for these.

        Args:
            generator: The generator of the problem.

        Returns:
            Stages from 0, the input, to depth − 1, ascending. By default (0,): the input, or the
            image where there is no generator.
        """
        return (0,)

    @abstractmethod
    def total(self, problem: Problem) -> int:
        """The number of steps of a full run.

        Args:
            problem: The problem to solve.

        Returns:
            The step at which `done` holds at the latest.
        """

    @abstractmethod
    def init(self, problem: Problem) -> S:
        """The state before the first step.

        Args:
            problem: The problem to solve.

        Returns:
            A state whose ``step`` is 0.
        """

    @abstractmethod
    def step(self, problem: Problem, state: S) -> Progress[S]:
        """Make one step; pure.

        Args:
            problem: The problem to solve.
            state: What `init` or the step before returned; it stays as it is.

        Returns:
            The next state, and what a reader wants to know of it.
        """

    @abstractmethod
    def result(self, problem: Problem, state: S) -> Result:
        """What a state says about the answer.

        Args:
            problem: The problem to solve.
            state: The state after any step.

        Returns:
            The image, mean and variance of each row.
        """

    def done(self, problem: Problem, state: S) -> bool:
        """Whether nothing is left to do.

        Args:
            problem: The problem to solve.
            state: The state after any step.

        Returns:
            By default, whether the state is at step `total`.
        """
        return bool(state.step >= self.total(problem))

    def run(self, problem: Problem, state: S | None = None) -> Iterator[Progress[S]]:
        """Step after step: ``for state, info in solver.run(problem)``; break to stop.

        A loop that keeps only the last `Progress` needs the memory of one.

        Args:
            problem: The problem to solve.
            state: Where to go on; None: at the start.

        Yields:
            The state and info after each step.

        Raises:
            BadParams: If a parameter does not fit the generator.
            Incompatible: If the solver cannot work with the generator, or misses a prior.
        """
        self.validate(problem.generator)
        with torch.no_grad():
            state = self.init(problem) if state is None else state
        while not self.done(problem, state):
            with torch.no_grad():
                progress = self.step(problem, state)
            state = progress.state
            yield progress
            del progress  # the next step has its memory
