"""The landscape of ½‖G(z) − G(x)‖² in closed form, for a `random-relu` G of infinite width.

A layer with weights of N(0, 2/n) keeps lengths and takes the angle θ between two inputs to
arccos(((π − θ) cos θ + sin θ)/π). So the expected loss depends on ‖z‖, ‖x‖ and their angle alone.

Hand, Voroninski, 2018, arXiv:1705.07576, whose weights of N(0, 1/n) give 2^{−d} times this.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def angles(theta: Tensor, depth: int) -> list[Tensor]:
    """Follow the angle between two vectors through the layers.

    Args:
        theta: Angles between inputs, in [0, π], of any shape.
        depth: Number of layers d.

    Returns:
        θ_0, …, θ_d, each of the shape of `theta`.
    """
    found = [theta]
    for _ in range(depth):
        t = found[-1]
        cosine = ((math.pi - t) * t.cos() + t.sin()) / math.pi
        found.append(cosine.clamp(-1, 1).arccos())
    return found


def expected_loss(z: Tensor, truth: Tensor, depth: int) -> Tensor:
    """Compute E ½‖G(z) − G(x)‖² = ½‖z‖² + ½‖x‖² − ‖z‖‖x‖ cos θ_d.

    Args:
        z: Inputs (B, k), none of them 0.
        truth: The true input x, (k,), not 0.
        depth: Number of layers d.

    Returns:
        The expected loss, (B,).
    """
    norm, length = _lengths(z), _lengths(truth)
    last = angles(_angle(z, truth), depth)[-1]
    return 0.5 * norm**2 + 0.5 * length**2 - norm * length * last.cos()


def expected_gradient(z: Tensor, truth: Tensor, depth: int) -> Tensor:
    """Compute the gradient h of the expected loss.

    h(z) = z − ∏_i (π − θ_i)/π · x − Σ_i (sin θ_i/π) ∏_{j>i} (π − θ_j)/π · ‖x‖ z/‖z‖, with i and j
    from 0 to d − 1.

    Args:
        z: Inputs (B, k), none of them 0.
        truth: The true input x, (k,), not 0.
        depth: Number of layers d.

    Returns:
        h at every input, (B, k).
    """
    towards, along = _weights(_angle(z, truth), depth)
    unit = z / _lengths(z)[:, None]
    return z - towards[:, None] * truth - (along * _lengths(truth))[:, None] * unit


def mirror(depth: int) -> float:
    """Find ρ_d, for which −ρ_d x is the other point where the expected gradient vanishes.

    Args:
        depth: Number of layers d.

    Returns:
        ρ_d in [0, 1); 0 for one layer.
    """
    opposite = torch.tensor(math.pi, dtype=torch.float64)
    return max(0.0, float(_weights(opposite, depth)[1]))


def _angle(z: Tensor, truth: Tensor) -> Tensor:
    cosine: Tensor = (z @ truth) / (_lengths(z) * _lengths(truth))
    return cosine.clamp(-1, 1).arccos()


def _lengths(vectors: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=-1)
    return lengths


def _weights(theta: Tensor, depth: int) -> tuple[Tensor, Tensor]:
    """The weights of x and of ‖x‖ z/‖z‖ in the expected gradient."""
    along, rest = torch.zeros_like(theta), torch.ones_like(theta)
    for t in reversed(angles(theta, depth)[:-1]):
        along = along + t.sin() / math.pi * rest
        rest = rest * (math.pi - t) / math.pi
    return rest, along
