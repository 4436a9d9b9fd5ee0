"""Operators: they measure what deepinv measures, at odd sizes too, with the exact adjoint."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from invprob_deepinv.library import deepinv
from invprob_deepinv.plugin import GENERAL, LINEAR

from invprob import seeds, tree
from invprob.errors import BadParams
from invprob.operator import LinearOperator, Operator


def made(name: str, shape: tuple[int, ...], seed: int = 0, **values: Any) -> Any:
    from invprob_deepinv import operator_params, physics

    params = {**LINEAR, **GENERAL}[name][0]
    factory = getattr(physics, name.replace("-", "_"))
    return factory(getattr(operator_params, params).parse(values), shape, seed)


ODD = {
    "inpainting": ((3, 9, 7), {}),
    "compressed-sensing": ((1, 9, 7), {"m": 20}),
    "structured-random": ((3, 9, 7), {}),
    "downsampling": ((3, 9, 7), {}),
    "downsampling-matlab": ((3, 9, 7), {}),
    "upsampling": ((1, 9, 7), {}),
    "convolution": ((3, 9, 7), {"sigma": 0.6}),
    "blur-fft": ((3, 9, 7), {"sigma": 0.6, "across": 0.4, "angle": 20}),
    "motion-blur": ((3, 9, 7), {"size": 5}),
    "diffraction-blur": ((1, 9, 7), {"size": 5}),
    "space-varying-blur": ((3, 9, 7), {"count": 3, "largest": 0.8}),
    "tomography": ((3, 9, 9), {"angles": 7}),
    "fan-beam": ((1, 9, 9), {"angles": 5}),
    "mri": ((1, 9, 7), {"acceleration": 2}),
    "multicoil-mri": ((1, 9, 7), {"acceleration": 2, "coils": 3}),
    "cassi": ((3, 9, 7), {}),
    "unmixing": ((3, 9, 7), {"bands": 4}),
    "pansharpen": ((3, 8, 12), {"factor": 2}),
}


@pytest.mark.parametrize("name", ODD)
def test_adjoint_is_exact_in_double_precision_at_odd_sizes(name):
    shape, values = ODD[name]
    A = made(name, shape, **values).double()
    assert isinstance(A, LinearOperator)
    x = torch.rand(2, *shape, generator=seeds.stream("x"), dtype=torch.float64)
    y = torch.randn(2, *A.out_shape, generator=seeds.stream("y"), dtype=torch.float64)
    left, right = tree.dot(A(x), y), tree.dot(x, A.adjoint(y))
    assert torch.allclose(left, right, rtol=1e-10, atol=1e-10)


def test_measurements_are_those_of_deepinv():
    x = torch.rand(2, 3, 8, 8, generator=seeds.stream("x"), dtype=torch.float64)
    theirs = deepinv().physics.DownsamplingMatlab(factor=2).A(x)
    ours = made("downsampling-matlab", (3, 8, 8)).double()(x)
    assert torch.allclose(ours, theirs, atol=1e-12)
    theirs = deepinv().physics.Demosaicing(img_size=(3, 8, 8)).A(x)
    ours = made("demosaicing", (3, 8, 8)).double()(x)
    assert torch.equal(ours, theirs[theirs != 0].reshape(2, -1))


def test_masked_entries_are_left_out():
    A = made("inpainting", (3, 8, 8), mask=0.25)
    assert len(A.out_shape) == 1
    assert A.out_shape[0] < 3 * 64
    assert (A(torch.rand(4, 3, 8, 8)).abs().sum(0) > 0).all()


def test_seed_decides_what_is_drawn():
    x = torch.rand(1, 3, 8, 8, generator=seeds.stream("x"))
    before = torch.get_rng_state()
    first, again, other = (made("structured-random", (3, 8, 8), seed=s)(x) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


@pytest.mark.parametrize(
    ("name", "shape", "values", "said"),
    [
        ("tomography", (1, 9, 7), {}, "tomography measures square images, not (1, 9, 7)"),
        ("mri", (3, 8, 8), {}, "mri measures grey images, not (3, 8, 8)"),
        ("demosaicing", (1, 8, 8), {}, "demosaicing cannot measure images of the shape (1, 8, 8)"),
        ("single-pixel-camera", (1, 9, 7), {"m": 4}, "image height must be a power of 2"),
    ],
)
def test_refusals_are_one_sentence(name, shape, values, said):
    with pytest.raises(BadParams) as refused:
        made(name, shape, **values)
    assert said in refused.value.message
    assert "\n" not in refused.value.message
    assert refused.value.hint


def test_squared_magnitudes_do_not_see_the_sign():
    A: Operator = made("phase-retrieval", (1, 8, 8), m=60).double()
    x = torch.rand(2, 1, 8, 8, dtype=torch.float64)
    assert torch.allclose(A(x), A(-x))
