"""What solvers that go through the stages of a generator share: starts, rounds, step sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.errors import BadParams, Diverged
from invprob.generator import Generator
from invprob.prior import Prior, Score
from invprob.solver import Problem
from invprob.tree import Tree, X

REFERENCE_DRAWS = 64


def check(stages: Sequence[int], steps: Sequence[int], generator: Generator, name: str) -> None:
    """Refuse stages that a generator does not have.

    Args:
        stages: The stage of each round.
        steps: The number of steps of each round.
        generator: The generator.
        name: What they belong to, for the message.

    Raises:
        BadParams: If stages do not ascend within 0 … depth − 1, or there are more or fewer step
            counts than stages.
    """
    if len(steps) != len(stages):
        raise BadParams(
            f"{name}: {len(stages)} stages but {len(steps)} step counts", "give one for each stage"
        )
    if list(stages) != sorted(set(stages)) or stages[0] < 0 or stages[-1] >= generator.depth:
        raise BadParams(
            f"{name}: stages {list(stages)} do not ascend within 0 … {generator.depth - 1}",
            f"the generator has depth {generator.depth}; its last stage is the image",
        )


def draws(generator: Generator[X], stage: int, keys: Sequence[int], *path: int | str) -> X:
    """Draw latents that the generator induces from its own input distribution.

    Args:
        generator: The generator.
        stage: The stage, from 0 to its depth.
        keys: A random key for each latent.
        path: What else the random stream depends on: a purpose, a number.

    Returns:
        x_stage, a tree with a row for each key; row by row the same whatever the other keys are.
    """
    inputs = [generator.sample(1, seeds.stream(key, *path)) for key in keys]
    x: X = generator(tree.cat(inputs), stop=stage)
    return x


def moments(generator: Generator[X], stage: int) -> tuple[X, X]:
    """Estimate mean and spread of a stage's latents under the generator's input distribution.

    Args:
        generator: The generator.
        stage: The stage, from 0 to its depth.

    Returns:
        The mean, with batch 1, and the spread: one number per leaf, the root of the mean variance,
        shaped to broadcast. Both are taken over `REFERENCE_DRAWS` fixed draws.
    """
    x = draws(generator, stage, range(REFERENCE_DRAWS), "reference")
    mean = tree.map(lambda leaf: leaf.mean(0, keepdim=True), x)
    spread = tree.map(
        lambda leaf: leaf.var(0).mean().sqrt().clamp_min(1e-6).reshape([1] * leaf.dim()), x
    )
    return mean, spread


def start(generator: Generator[X], stage: int, keys: Sequence[int], truncation: float) -> X:
    """Choose where an optimiser starts: between the mean latent and a draw.

    Args:
        generator: The generator.
        stage: The stage, from 0 to its depth.
        keys: A random key for each row.
        truncation: 0 for the mean, 1 for the draw.

    Returns:
        x_stage, a tree with a row for each key.
    """
    mean, _ = moments(generator, stage)
    own = draws(generator, stage, keys, "start")
    return tree.map(lambda m, x: m + truncation * (x - m), mean, own)


@dataclass(frozen=True)
class StagedChain:
    """A problem as seen by a solver that goes round by round from stage to stage.

    In round r, counted from 0, the solver moves u, which is the latent of `stages[r]` in the units
    of its prior: normalised for a solver that needs a `Score`, else as the generator has it.

    Args:
        problem: The problem, with N rows.
        stages: The stage of each round, ascending.
        capability: The class of priors that the solver needs.
        solver: The name of the solver, for messages.

    Raises:
        Incompatible: If a stage, of the last round too, has no such prior.
    """

    problem: Problem
    stages: Sequence[int]
    capability: type[Prior]
    solver: str

    def __post_init__(self) -> None:
        for round_index in range(len(self.stages)):
            self.prior(round_index)

    def prior(self, round_index: int) -> Any:
        """The prior of a round's stage.

        Args:
            round_index: The round.

        Returns:
            The prior, an instance of `capability`.

        Raises:
            Incompatible: If there is none.
        """
        return self.problem.prior(self.stages[round_index], self.capability, self.solver)

    def start(self) -> Tree:
        """u of the first round: for each row a draw from the generator."""
        x = draws(self.problem.generator, self.stages[0], self.problem.keys, "start")
        return self._units(0, x)

    def image(self, round_index: int, u: Tree) -> Tensor:
        """The image of u.

        Args:
            round_index: The round that u belongs to.
            u: A tree with N rows.

        Returns:
            Images (N, C, H, W), nominally in [0, 1].
        """
        x = self._latent(round_index, u)
        image: Tensor = self.problem.generator(x, start=self.stages[round_index])
        return image

    def is_last(self, round_index: int) -> bool:
        """Say whether no round follows.

        Args:
            round_index: The round.

        Returns:
            True for the last round.
        """
        return round_index + 1 == len(self.stages)

    def deeper(self, round_index: int, u: Tree) -> Tree:
        """u of the next round, which has the same image.

        Args:
            round_index: The round that u belongs to, not the last.
            u: A tree with N rows.

        Returns:
            The latent of the next round's stage in the units of that stage's prior.
        """
        here, there = self.stages[round_index : round_index + 2]
        x = self.problem.generator(self._latent(round_index, u), start=here, stop=there)
        return self._units(round_index + 1, x)

    def _latent(self, round_index: int, u: Tree) -> Tree:
        return self.prior(round_index).restore(u) if self._normalised else u

    def _units(self, round_index: int, x: Tree) -> Tree:
        return self.prior(round_index).normalise(x) if self._normalised else x

    @property
    def _normalised(self) -> bool:
        return issubclass(self.capability, Score)


def cosine_ramp(t: float, up: float = 0.05, down: float = 0.25) -> float:
    """Scale a step size over a run: linear ramp up, cosine ramp down (Karras et al., 2020).

    Args:
        t: How much of the run is over, in (0, 1].
        up: The part of the run that ramps up.
        down: The part that ramps down.

    Returns:
        A factor in [0, 1].
    """
    falling = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / down))
    return falling * min(1.0, t / up)


def gradient(objective: Tensor, x: X) -> X:
    """Differentiate a function of every row by itself.

    Args:
        objective: Its values (B,), with the graph.
        x: A tree with B rows, whose leaves require gradients.

    Returns:
        The gradient, a tree like x.

    Raises:
        Diverged: If no row has a finite value.
    """
    if not bool(objective.isfinite().any()):
        raise Diverged(
            "the objective is not finite for any sample",
            "the noise level may be too low for float32, or the step size too high",
        )
    grads = torch.autograd.grad(objective.sum(), tree.leaves(x))
    return tree.unflatten(x, list(grads))
