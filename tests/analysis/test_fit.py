"""When a result is said not to explain its measurement."""

import math

import pytest

from invprob.analysis import fit


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"chi2_mean": 1.0, "chi2_sample": 1.1}, ""),
        ({"chi2_mean": fit.FAR_ABOVE_NOISE, "chi2_sample": 1.1}, ""),
        ({"chi2_mean": 1e7, "chi2_sample": 2e7}, "χ² 1.0e+07"),
        ({"chi2_mean": 12.3, "chi2_sample": 79.0}, "χ² 12"),
        ({"chi2_mean": math.nan, "chi2_sample": math.nan}, ""),
        ({"chi2_sample": 79.0, "chi2_mean": None}, "χ² 79"),
        ({}, ""),
    ],
)
def test_only_what_is_far_above_the_noise_is_said(row, said):
    assert fit.warning(row).partition(":")[0] == said
