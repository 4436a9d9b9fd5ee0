"""Stable names for the content of tensors and modules.

A hash names numbers to the last bit. Numbers that were computed, such as normal draws or factors of
a covariance, differ there between kinds of processors, so what is the same on all of them is asked
with a sketch: a few sums with random signs (Alon, Matias, Szegedy, The space complexity of
approximating the frequency moments, STOC 1996).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

SUMS = 4
TOLERANCE = 1e-5
"""Sums of the same numbers by other processors differ by less than this, in parts of the length of
the vector: those of normal draws by some 1e-7. One pixel in a mask of twelve megapixels is 3e-4."""
CHUNK = 2**16


def digest(values: Tensor) -> int:
    """Name the numbers of a tensor.

    Args:
        values: A tensor of any shape; its numbers are read as float32.

    Returns:
        The first 32 bits of their SHA-256, the same on every machine.
    """
    raw = values.detach().cpu().float().contiguous().reshape(-1).view(torch.uint8).numpy()
    return int.from_bytes(hashlib.sha256(raw.data).digest()[:4], "little")


def of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Name tensors and their numbers.

    Args:
        tensors: Tensors by name.

    Returns:
        Eight hexadecimal digits; their order does not count.
    """
    words = [f"{name} {digest(tensors[name]):08x}" for name in sorted(tensors)]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]


def of_module(module: nn.Module) -> str:
    """Name the numbers (weights, masks, kernels) in a module.

    Args:
        module: A module, on any device.

    Returns:
        Eight hexadecimal digits; names of tensors do not count.
    """
    return format(digest(torch.tensor([digest(v) for v in module.state_dict().values()])), "08x")


def of_modules(*modules: nn.Module) -> str:
    """Hash all names and numbers (weights, masks, kernels) in some modules.

    Args:
        *modules: The modules, in order.

    Returns:
        A SHA-256 in hexadecimal digits.
    """
    content = hashlib.sha256()
    for module in modules:
        for name, value in module.state_dict().items():
            content.update(name.encode())
            content.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return content.hexdigest()


def sketch(*modules: nn.Module) -> list[float]:
    """Sum up the numbers (weights, masks, kernels) in some modules.

    Args:
        *modules: The modules, in order.

    Returns:
        `1 + SUMS` numbers for each of their tensors: its length as a vector and sums with signs, or
        zero and its digest where it holds whole numbers, which rounding does not touch.
    """
    return [
        number
        for module in modules
        for value in module.state_dict().values()
        for number in _sums(value.detach().cpu().flatten())
    ]


def alike(a: Sequence[float], b: Sequence[float]) -> bool:
    """Compare two sketches.

    Args:
        a: A sketch.
        b: Another; a manifest has None in the place of what is not finite.

    Returns:
        Whether they are of the same numbers, up to rounding; never where one is not finite.
    """
    if len(a) != len(b) or None in (*a, *b):
        return False
    starts = range(0, len(a), 1 + SUMS)
    return all(
        abs(a[k] - b[k]) <= TOLERANCE * a[start]
        for start in starts
        for k in range(start, start + 1 + SUMS)
    )


def _sums(values: Tensor) -> Iterator[float]:
    if not values.is_floating_point():
        yield from (0.0, *[float(digest(values))] * SUMS)
        return
    squares, sums = torch.zeros((), dtype=torch.float64), torch.zeros(SUMS, dtype=torch.float64)
    chunks = torch.split(values, CHUNK)
    inner, outer = _signs(CHUNK), _signs(len(chunks) + 1)
    for k, chunk in enumerate(chunks, start=1):
        part = chunk.double()
        squares += part @ part
        sums += outer[:, k] * (inner[:, : len(part)] @ part)
    yield float(squares.sqrt())
    yield from sums.tolist()


@functools.lru_cache(maxsize=4)
def _signs(count: int) -> Tensor:
    """Signs ±1 of places from 0, (SUMS, count): bits of the mixed number of a place."""
    place = torch.arange(count)
    mixed = (place ^ (place >> 15)) * 0x2C1B3C6D & 0xFFFFFFFF
    mixed = (mixed ^ (mixed >> 12)) * 0x297A2D39 & 0xFFFFFFFF
    mixed = mixed ^ (mixed >> 15)
    bits = torch.stack([mixed >> (3 + 5 * k) & 1 for k in range(SUMS)])
    return (2 * bits - 1).double()
