"""Inversion: the latent of a stage whose image is a given picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Generic, NamedTuple

import torch
from torch import Tensor

from invprob import tree
from invprob.generator import Generator
from invprob.latents import stages
from invprob.numerics import adam
from invprob.tree import X


class Inverted(NamedTuple, Generic[X]):
    """Where a descent is.

    Attributes:
        step: The number of steps made.
        x: x_stage after them, a tree with B rows.
        psnr: The PSNR of the images one step before, in dB, (B,).
    """

    step: int
    x: X
    psnr: Tensor


def invert(
    generator: Generator[X],
    pictures: Tensor,
    stage: int,
    steps: int = 300,
    lr: float = 0.1,
    sigma: float = 0.01,
    weight: float = 1.0,
    encoder: Path | None = None,
) -> Iterator[Inverted[X]]:
    """Descend ‖G(x) − picture‖²/2σ² + λ·½‖(x − mean)/spread‖² in x_stage, by Adam.

    Mean and spread are the moments of x_stage under the distribution of the generator's own input,
    so that what the picture leaves open (noise maps most of all) stays as the generator knows it.
    The descent draws nothing; batch elements are independent.

    Args:
        generator: The generator.
        pictures: The pictures, (B, C, H, W) in [0, 1].
        stage: The stage of the latents, from 0 to the depth.
        steps: The number of steps, ≥ 1.
        lr: The largest step size of Adam, in units of the spread.
        sigma: The tolerance σ > 0, in units of [0, 1].
        weight: λ ≥ 0.
        encoder: The encoder that finds where the descent starts; None: it starts at the mean.

    Yields:
        Where the descent is, after each step.
    """
    mean, spread = stages.moments(generator, stage)
    if encoder is None:
        start = tree.repeat(mean, len(pictures))
    else:
        start = generator.encode(encoder, pictures, stage)
    u = tree.map(lambda m, s, leaf: (leaf - m) / s, mean, spread, start)
    moments = adam.start(u)

    def latent(u: X) -> X:
        return tree.map(lambda m, s, leaf: m + s * leaf, mean, spread, u)

    for step in range(1, steps + 1):
        with torch.enable_grad():
            leaf = tree.variables(u)
            error = (generator(latent(leaf), start=stage) - pictures).square().flatten(1)
            loss = error.sum(1) / (2 * sigma**2) + 0.5 * weight * tree.dot(leaf, leaf)
            slope = stages.gradient(loss, leaf)
        u, moments = adam.adam(u, slope, moments, lr * stages.cosine_ramp(step / steps))
        yield Inverted(step, latent(u), psnr(error.detach()))


def psnr(error: Tensor) -> Tensor:
    """Compute the PSNR of images in [0, 1].

    Args:
        error: Squared errors (B, n).

    Returns:
        The PSNR in dB, (B,).
    """
    return -10 * error.mean(1).clamp_min(1e-12).log10()
