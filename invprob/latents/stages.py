"""What solvers that go through the stages of a generator share: starts and round bookkeeping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.errors import BadParams
from invprob.generator import Generator

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


def cosine_ramp(t: float, up: float = 0.05, down: float = 0.25) -> float:
    """Step-size factor at t ∈ (0, 1]: linear ramp up, cosine ramp down (Karras et al., 2020)."""
    falling = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / down))
    return falling * min(1.0, t / up)


def gradient(objective: Tensor, x: Any) -> Any:
    """∇ of a sum over rows at the tree x, whose leaves require gradients."""
    grads = torch.autograd.grad(objective.sum(), tree.leaves(x))
    return tree.unflatten(x, list(grads))
