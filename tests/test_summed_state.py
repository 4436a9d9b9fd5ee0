"""Means and variances of draws, from sums that a state keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from invprob.solver import SummedState


@pytest.mark.parametrize("spread", [0.1, 1e-3, 3e-5])
def test_narrow_draws_have_their_mean_and_variance(spread):
    draws = 0.9 + spread * torch.randn(400, 2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    state = SummedState()
    for draw in draws:
        state = state.counted(draw)
    found = state.summary(draws[-1])
    exact = draws.double()
    assert torch.allclose(found.mean.double(), exact.mean(0), rtol=0, atol=1e-6)
    ratio = found.var.double() / exact.var(0, correction=0)
    assert ratio.sub(1).abs().max() < 1e-3


def test_a_state_without_an_origin_goes_on():
    first, second = torch.full((1, 1, 2, 2), 0.25), torch.full((1, 1, 2, 2), 0.75)
    old = replace(SummedState(), mean=first, square=first**2, count=1)
    found = old.counted(second).summary(second)
    assert torch.equal(found.mean, torch.full_like(first, 0.5))
    assert torch.equal(found.var, torch.full_like(first, 0.0625))
