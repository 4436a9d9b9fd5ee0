"""Seed streams: every draw is a function of (seed, purpose, element, step), and of nothing else.

A batch therefore gives what its elements give alone, a resumed run draws what the uninterrupted one
draws, and every method sees the same masks and the same noise. The stream is seeded by 32 bits of
SHA-256; the draw happens on the CPU, so a CUDA run sees the same numbers as a laptop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from invprob import fingerprint, tree
from invprob.tree import X


def key(*path: int | str) -> int:
    """Hash a path to a seed.

    Args:
        *path: Numbers and texts, such as a seed, a purpose and a step.

    Returns:
        32 bits of SHA-256; torch's CPU engine (mt19937) reads no more of a seed.
    """
    text = "/".join(map(str, path)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "little")


def stream(*path: int | str) -> torch.Generator:
    """Make the random generator of a path: ``stream(seed, "measure", image_index)``.

    Args:
        *path: Numbers and texts, such as a seed, a purpose and a step.

    Returns:
        A new generator on the CPU.
    """
    return torch.Generator("cpu").manual_seed(key(*path))


def chain_key(seed: int, measurement: Tensor, sample: int) -> int:
    """Make the random key of one chain, which does not depend on the batch.

    Args:
        seed: The seed of the run.
        measurement: The measurement, without a batch dimension.
        sample: The number of the chain among those of the measurement.

    Returns:
        A 32-bit key.
    """
    return key(seed, fingerprint.digest(measurement), sample)


def normal(shape: Sequence[int], keys: Sequence[int], *path: int | str) -> Tensor:
    """Draw standard normal numbers.

    Args:
        shape: (B, …).
        keys: A key for each of B elements.
        *path: What the numbers are for; element b is drawn from ``stream(keys[b], *path)``.

    Returns:
        Numbers of this shape, float32 on the CPU.
    """
    drawn = _empty(shape)
    _fill([drawn], keys, path)
    return drawn


def normal_like(x: X, keys: Sequence[int], *path: int | str) -> X:
    """Draw standard normal numbers in a tree.

    Args:
        x: A tree of B elements, which gives shapes, precision and device.
        keys: A key for each element.
        *path: What the numbers are for; element b is drawn from ``stream(keys[b], *path)``.

    Returns:
        A tree like x.
    """
    drawn = tree.map(lambda leaf: _empty(leaf.shape), x)
    _fill(tree.leaves(drawn), keys, path)
    return tree.map(lambda new, leaf: new.to(leaf), drawn, x)


def normal_from(x: X, rngs: Sequence[torch.Generator]) -> X:
    """Draw standard normal numbers in a tree from generators.

    Args:
        x: A tree of B elements, which gives shapes, precision and device.
        rngs: A generator for each element; it moves on.

    Returns:
        A tree like x.
    """

    def draw(leaf: Tensor) -> Tensor:
        drawn = _empty(leaf.shape)
        for row, rng in zip(drawn.unbind(), rngs, strict=True):
            row.normal_(generator=rng)
        return drawn.to(leaf)

    return tree.map(draw, x)


def uniform_from(like: Tensor, rngs: Sequence[torch.Generator]) -> Tensor:
    """Draw a number from [0, 1) for each row from generators.

    Args:
        like: A tensor (B,), which gives precision and device.
        rngs: A generator for each row; it moves on.

    Returns:
        The numbers, (B,).
    """
    drawn = _empty((len(rngs),))
    for number, rng in zip(drawn.unbind(), rngs, strict=True):
        number.uniform_(generator=rng)
    return drawn.to(like)


def _empty(shape: Sequence[int]) -> Tensor:
    # whatever precision and device a script has made torch's default
    return torch.empty(tuple(shape), dtype=torch.float32, device="cpu")


def _fill(leaves: Sequence[Tensor], keys: Sequence[int], path: tuple[int | str, ...]) -> None:
    """Fill row b of all leaves, one after another, from ``stream(keys[b], *path)``."""
    rng = torch.Generator("cpu")  # one, since making one takes longer than a seed
    for k, *rows in zip(keys, *(leaf.unbind() for leaf in leaves), strict=True):
        rng.manual_seed(key(k, *path))
        for row in rows:
            row.normal_(generator=rng)
