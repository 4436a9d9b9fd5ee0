"""Quantiles of pixels are those of NumPy, however few pixels are sorted at a time."""

import numpy as np
import pytest
import torch

from invprob.analysis import credible_intervals


@pytest.mark.parametrize("band", [1, 50, 2**20])
def test_bands_change_nothing(band, monkeypatch):
    monkeypatch.setattr(credible_intervals, "BAND", band)
    images = torch.randn(2, 7, 3, 5, 9, generator=torch.Generator().manual_seed(0))
    found = credible_intervals.interval(images)
    expected = np.quantile(images.numpy(), credible_intervals.LEVELS, axis=1, method="weibull")
    for ours, theirs in zip((found.lower, found.median, found.upper), expected, strict=True):
        assert torch.equal(ours, torch.from_numpy(theirs).float())
    assert found.count == 7


@pytest.mark.parametrize("count", [20, 33, 128])
def test_an_interval_of_few_draws_holds_another_draw_in_nine_of_ten_cases(count):
    draws = torch.randn(1, count + 1, 1, 200, 200, generator=torch.Generator().manual_seed(0))
    found = credible_intervals.interval(draws[:, 1:])
    assert float(credible_intervals.coverage(found, draws[:, 0])) == pytest.approx(0.9, abs=0.01)
