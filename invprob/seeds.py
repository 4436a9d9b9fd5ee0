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
    """A stable 32-bit number for `path`; torch's CPU engine (mt19937) reads no more of a seed."""
    text = "/".join(map(str, path)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "little")


def stream(*path: int | str) -> torch.Generator:
    """The random generator at `path`, e.g. ``stream(seed, "measure", image_index)``."""
    return torch.Generator().manual_seed(key(*path))


def chain_key(seed: int, measurement: Tensor, sample: int) -> int:
    """The random key of one chain: a function of seed, measurement and sample, not of the batch."""
    return key(seed, fingerprint.digest(measurement), sample)


def normal(shape: Sequence[int], keys: Sequence[int], *path: int | str) -> Tensor:
    """Standard normal numbers of `shape` = (B, …), element b drawn from stream(keys[b], *path)."""
    return torch.stack([torch.randn(tuple(shape[1:]), generator=stream(k, *path)) for k in keys])


def normal_like(x: X, keys: Sequence[int], *path: int | str) -> X:
    """Standard normal numbers in a tree like `x`; element b depends on keys[b] and the path."""
    return normal_from(x, [stream(k, *path) for k in keys])


def normal_from(x: X, rngs: Sequence[torch.Generator]) -> X:
    """Standard normal numbers in a tree like `x`, element b drawn from rngs[b]."""

    def draw(leaf: Tensor) -> Tensor:
        rows = [torch.randn(leaf.shape[1:], generator=rng) for rng in rngs]
        return torch.stack(rows).to(leaf)

    return tree.map(draw, x)
