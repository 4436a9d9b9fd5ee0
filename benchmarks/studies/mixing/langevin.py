"""Langevin chains on f: unadjusted, coupled by equal noise, and adjusted by Metropolis' rule."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from benchmarks.studies.mixing import world
from benchmarks.studies.mixing.world import World

Gradient = Callable[[Tensor], Tensor]


def move(gradient: Gradient, z: Tensor, eta: float, beta: float, xi: Tensor) -> Tensor:
    """z − η ∇f(z) + √(2η/β) ξ (Daras et al., 2022, arXiv:2206.09104)."""
    return z - eta * gradient(z) + math.sqrt(2 * eta / beta) * xi


def coupled(
    gradient: Gradient, a: Tensor, b: Tensor, eta: float, beta: float, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Chains (B, k) from a and from b after each step; chain i of both gets the same noise."""
    step = 0
    while True:
        xi = world.normal(seed, f"coupled {step}", *a.shape).repeat(2, 1)
        a, b = move(gradient, torch.cat([a, b]), eta, beta, xi).chunk(2)
        yield a, b
        step += 1


def gap(a: Tensor, b: Tensor) -> float:
    """The root mean square distance of paired chains (B, k)."""
    return float((a - b).square().sum(1).mean().sqrt())


def alone(w: World, z: Tensor, eta: float, beta: float, seed: int) -> Iterator[Tensor]:
    """Chains (B, k) after each step of the unadjusted Langevin algorithm."""
    step = 0
    while True:
        xi = world.normal(seed, f"alone {step}", *z.shape)
        z = move(w.gradient, z, eta, beta, xi)
        yield z
        step += 1


def adjusted(w: World, z: Tensor, eta: float, beta: float, seed: int) -> Iterator[Tensor]:
    """Chains (B, k) after each step of MALA, which keeps exp(−βf) exactly."""
    loss, slope = w.loss_and_gradient(z)
    step = 0
    while True:
        xi = world.normal(seed, f"adjusted {step}", *z.shape)
        dice = world.uniform(seed, f"dice {step}", len(z))
        new = z - eta * slope + math.sqrt(2 * eta / beta) * xi
        new_loss, new_slope = w.loss_and_gradient(new)
        back = (z - new + eta * new_slope).square().sum(1) * beta / (4 * eta)
        chance = beta * (loss - new_loss) - back + xi.square().sum(1) / 2
        accept = dice.log() < chance
        z, slope = (torch.where(accept[:, None], *p) for p in ((new, z), (new_slope, slope)))
        loss = torch.where(accept, new_loss, loss)
        yield z
        step += 1


def snapshots(chains: Iterator[Tensor], first: int, every: int, count: int) -> Tensor:
    """The chains after `first` steps and then after every so many, (count, B, k)."""
    last = first + every * (count - 1)
    steps = itertools.islice(chains, first - 1, last, every)
    return torch.stack(list(steps))
