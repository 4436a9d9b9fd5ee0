"""Diagnostics on chains with known convergence."""

import math

import numpy as np
import pytest
import torch

from invprob.analysis import diagnostics
from invprob.analysis.credible_intervals import coverage, interval
from invprob.analysis.diagnostics import diagnose

NAMES = tuple("abcdefghijklmnop")


def independent(chains, draws, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(chains, draws, len(NAMES), generator=rng)


def test_independent_draws_converge():
    found = diagnose(independent(4, 400), NAMES)
    assert found.verdict == "converged"
    assert 0.99 < found.r_hat < diagnostics.R_HAT_GOOD
    for row in found.functionals.values():
        assert row["ess_bulk"] == pytest.approx(1600, rel=0.25)
        assert row["ess_tail"] == pytest.approx(1600, rel=0.25)
        assert row["mcse"] == pytest.approx(1 / 40, rel=0.15)
    assert found.mcse == pytest.approx(1 / 40, rel=0.2)


def test_independent_draws_rarely_give_a_false_alarm():
    alarms = [
        diagnose(independent(4, 60, seed), NAMES).verdict == "not converged" for seed in range(20)
    ]
    assert sum(alarms) <= 2


def test_one_shifted_chain_is_found():
    draws = independent(4, 400)
    draws[2, :, 5] += 1.5
    found = diagnose(draws, NAMES)
    assert found.verdict == "not converged"
    assert found.r_hat == found.functionals["f"]["r_hat"] > 1.1
    assert found.functionals["a"]["r_hat"] < diagnostics.R_HAT_GOOD


def test_one_wider_chain_and_a_common_drift_are_found():
    wide, drift = independent(4, 400), independent(4, 400)
    wide[1] *= 3
    drift += torch.linspace(0, 3, 400)[:, None]
    assert diagnose(wide, NAMES).verdict == "not converged"
    assert diagnose(drift, NAMES).verdict == "not converged"


@pytest.mark.parametrize("phi", [0.3, 0.6, 0.9])
def test_the_ess_of_an_autoregression_is_that_of_theory(phi):
    draws, noise = 20_000, np.random.default_rng(1)
    x = np.empty((4, draws))
    x[:, 0] = noise.normal(size=4)
    for t in range(1, draws):
        x[:, t] = phi * x[:, t - 1] + math.sqrt(1 - phi**2) * noise.normal(size=4)
    found = diagnose(torch.from_numpy(x)[:, :, None], ("x",))
    expected = 4 * draws * (1 - phi) / (1 + phi)
    assert found.ess_bulk == pytest.approx(expected, rel=0.2)
    assert found.functionals["x"]["mcse"] == pytest.approx(expected**-0.5, rel=0.15)


def test_what_cannot_be_judged_is_not():
    assert diagnose(independent(1, 400), NAMES).reason == "1 chain"
    found = diagnose(independent(4, 19), NAMES)
    assert (found.verdict, found.reason) == ("not assessed", "19 draws")
    assert diagnose(torch.ones(4, 50, 2), ("a", "b")).reason == "nothing moves"
    assert math.isnan(found.row()["r_hat"])


def test_what_stands_still_is_left_out_where_all_chains_agree_and_else_is_the_worst():
    draws = independent(4, 400)
    draws[:, :, 0] = 7
    found = diagnose(draws, NAMES)
    assert found.verdict == "converged"
    assert "a" not in found.functionals
    draws[:, :, 0] = torch.arange(4.0)[:, None]
    assert diagnose(draws, NAMES).verdict == "not converged"


def test_a_chain_that_is_lost_is_not_converged():
    draws = independent(4, 400)
    draws[3, 300:, 2] = math.nan
    found = diagnose(draws, NAMES)
    assert (found.verdict, found.r_hat, found.ess_bulk) == ("not converged", math.inf, 0)


def test_the_interval_of_known_values():
    values = torch.arange(101.0).flip(0)[None, :, None, None, None].expand(2, 101, 3, 4, 5)
    found = interval(values.half())
    assert found.lower.shape == (2, 3, 4, 5)
    assert (found.lower - 4.1).abs().max() < 1e-5  # the place 0.05 × 102, counted from 1
    assert (found.median == 50).all()
    assert (found.upper - 95.9).abs().max() < 1e-4
    assert found.trusted
    assert not interval(values[:, :19]).trusted


def test_coverage_is_the_part_of_the_pixels_inside():
    rng = torch.Generator().manual_seed(0)
    draws = torch.rand(2, 200, 1, 64, 64, generator=rng)
    truth = torch.rand(2, 1, 64, 64, generator=rng)
    truth[1] += 0.5
    inside = coverage(interval(draws), truth)
    assert float(inside[0]) == pytest.approx(0.9, abs=0.02)
    assert float(inside[1]) == pytest.approx(0.45, abs=0.03)
