"""Names of numbers: to the last bit by a hash, up to rounding by a sketch."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from invprob import fingerprint

DRAWN = """
import json, torch
from invprob import fingerprint
from invprob_basics.compressed import Gaussian
A = Gaussian(60, 768, 0)
print(json.dumps([fingerprint.of_module(A), fingerprint.sketch(A)]))
"""


def module_of(values: Tensor) -> nn.Module:
    module = nn.Module()
    module.register_buffer("values", values)
    return module


def alike(a: Tensor, b: Tensor) -> bool:
    return fingerprint.alike(*(fingerprint.sketch(module_of(v)) for v in (a, b)))


def test_a_matrix_is_the_same_where_another_processor_draws_it() -> None:
    hashes, sketches = zip(
        *(
            json.loads(
                subprocess.run(
                    [sys.executable, "-c", DRAWN],
                    env={**os.environ, "ATEN_CPU_CAPABILITY": capability},
                    stdout=subprocess.PIPE,
                    check=True,
                ).stdout
            )
            for capability in ("default", "avx2")
        ),
        strict=True,
    )
    assert fingerprint.alike(*sketches)
    assert len(sketches[0]) % (1 + fingerprint.SUMS) == 0
    if "avx2" in torch.backends.cpu.get_cpu_capability().lower():
        assert hashes[0] != hashes[1], "no sketch is needed any more"


def test_a_pixel_of_a_large_mask_counts() -> None:
    mask = torch.ones(12_000_000)
    mask[::3] = 0
    other = mask.clone()
    other[7_654_321] = 1 - other[7_654_321]
    assert alike(mask, mask)
    assert not alike(mask, other)


def test_the_places_of_numbers_count() -> None:
    mask = torch.zeros(64, 64)
    mask[3:9, 20:31] = 1
    assert not alike(mask, mask.roll(1, 0))
    assert not alike(mask, mask.roll(16, 1))
    assert not alike(mask, mask.T.contiguous())
    assert not alike(mask, mask.flip(0))


@pytest.mark.parametrize("size", [0, 1, fingerprint.CHUNK, fingerprint.CHUNK + 1])
def test_scale_and_length_count(size: int) -> None:
    values = torch.linspace(1, 2, size)
    assert alike(values, values * (1 + 1e-7))
    assert alike(values, values * 1.001) == (size == 0)
    assert not alike(values, torch.full((size,), torch.nan)) or size == 0
    a = fingerprint.sketch(module_of(values))
    assert not fingerprint.alike(a, [*a, *a])


def test_whole_numbers_are_compared_exactly() -> None:
    pixels = torch.arange(65536)[torch.arange(65536) % 7 != 3]
    moved = pixels.clone()
    moved[500] += 1
    assert alike(pixels, pixels)
    assert not alike(pixels, moved)
    assert not alike(pixels > 8, pixels > 9)


def test_what_is_not_finite_is_like_nothing() -> None:
    a = fingerprint.sketch(module_of(torch.tensor([1.0, torch.inf])))
    assert not fingerprint.alike(a, a)
    read_again = [None if x == float("inf") else x for x in a]
    assert not fingerprint.alike(read_again, a)


def test_signs_are_even() -> None:
    signs = fingerprint._signs(2**16)
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    products = signs @ signs.T / 2**16
    assert (products - torch.eye(fingerprint.SUMS)).abs().max() < 0.02, "four independent sums"
    assert signs.mean(1).abs().max() < 0.02
