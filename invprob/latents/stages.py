"""What solvers that go through the stages of a generator share: starts, rounds, step sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.errors import BadParams
from invprob.generator import Generator
from invprob.prior import Prior, Score
from invprob.solver import Problem

REFERENCE_DRAWS = 64


def check(stages: Sequence[int], steps: Sequence[int], generator: Generator, name: str) -> None:
    """Refuse stages that the generator has not, or another number of step counts than stages."""
    if len(steps) != len(stages):
        raise BadParams(
            f"{name}: {len(stages)} stages but {len(steps)} step counts", "give one for each stage"
        )
    if list(stages) != sorted(set(stages)) or stages[0] < 0 or stages[-1] >= generator.depth:
        raise BadParams(
            f"{name}: stages {list(stages)} do not ascend within 0 … {generator.depth - 1}",
            f"the generator has depth {generator.depth}; its last stage is the image",
        )


def draws(generator: Generator, stage: int, keys: Sequence[int], *path: int | str) -> Any:
    """One latent x_stage per key, induced by the generator's own input law."""
    inputs = [generator.sample(1, seeds.stream(key, *path)) for key in keys]
    return generator(tree.cat(inputs), stop=stage)


def moments(generator: Generator, stage: int) -> tuple[Any, Any]:
    """(mean, spread) of x_stage under the generator's input law: mean has batch 1; spread is one
    number per leaf, the root mean variance, shaped to broadcast."""
    x = draws(generator, stage, range(REFERENCE_DRAWS), "reference")
    mean = tree.map(lambda leaf: leaf.mean(0, keepdim=True), x)
    spread = tree.map(
        lambda leaf: leaf.var(0).mean().sqrt().clamp_min(1e-6).reshape([1] * leaf.dim()), x
    )
    return mean, spread


def start(generator: Generator, stage: int, keys: Sequence[int], truncation: float) -> Any:
    """A start per key: the mean of x_stage, moved by `truncation` towards a draw of the key's."""
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
    """

    problem: Problem
    stages: Sequence[int]
    capability: type[Prior]
    solver: str

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

    def start(self) -> Any:
        """u of the first round: for each row a draw from the generator."""
        x = draws(self.problem.generator, self.stages[0], self.problem.keys, "start")
        return self._units(0, x)

    def image(self, round_index: int, u: Any) -> Tensor:
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
        """Whether no round follows."""
        return round_index + 1 == len(self.stages)

    def deeper(self, round_index: int, u: Any) -> Any:
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

    def _latent(self, round_index: int, u: Any) -> Any:
        return self.prior(round_index).restore(u) if self._normalised else u

    def _units(self, round_index: int, x: Any) -> Any:
        return self.prior(round_index).normalise(x) if self._normalised else x

    @property
    def _normalised(self) -> bool:
        return issubclass(self.capability, Score)


def cosine_ramp(t: float, up: float = 0.05, down: float = 0.25) -> float:
    """Step-size factor at t ∈ (0, 1]: linear ramp up, cosine ramp down (Karras et al., 2020)."""
    falling = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / down))
    return falling * min(1.0, t / up)


def gradient(objective: Tensor, x: Any) -> Any:
    """∇ of a sum over rows at the tree x, whose leaves require gradients."""
    grads = torch.autograd.grad(objective.sum(), tree.leaves(x))
    return tree.unflatten(x, list(grads))
