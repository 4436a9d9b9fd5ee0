"""The study of mixing: its measures on problems of which the answer is known, and its quick run."""

import itertools
import math

import pytest
import torch

from benchmarks.studies.mixing import gibbs, intervals, langevin, sign_check, world
from benchmarks.studies.mixing.__main__ import EXPERIMENTS, main, read


def test_coupled_chains_on_a_quadratic_contract_by_1_minus_eta_lambda():
    eta, curvature = 0.2, torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    start = world.normal(0, "a", 20, 3), 5 + world.normal(0, "b", 20, 3)
    chains = langevin.coupled(lambda z: curvature * z, *start, eta, 50.0, seed=0)
    first = start[0] - start[1]
    for step, (a, b) in enumerate(itertools.islice(chains, 30), 1):
        assert torch.allclose(a - b, first * (1 - eta * curvature) ** step, atol=1e-13)


def test_the_noise_is_that_of_the_temperature():
    """z ← (1 − η) z + √(2η/β) ξ has variance 1/β · 1/(1 − η/2)."""
    z = torch.zeros(20_000, 1, dtype=torch.float64)
    chains = langevin.coupled(lambda z: z, z, z, 0.5, 10.0, seed=0)
    a, b = next(itertools.islice(chains, 30, None))
    assert torch.equal(a, b)
    assert float(a.var()) == pytest.approx(0.1 / 0.75, rel=0.05)


def test_the_gradient_is_the_formula():
    """Jᵀ Aᵀ (A G(z) − y), with J by finite differences inside one linear piece."""
    w = world.make(0, 4, [20, 40], m=12, sigma=0.1)
    z = world.normal(0, "z", 3, 4)
    for row, slope in zip(z, w.gradient(z), strict=True):
        shifts = 1e-7 * torch.eye(4, dtype=torch.float64)
        ahead, behind = w.loss(row + shifts), w.loss(row - shifts)
        assert torch.allclose((ahead - behind) / 2e-7, slope, atol=1e-5)


def test_mala_keeps_what_a_network_of_one_input_has_in_closed_form():
    """On the positive half line f = ½ c (z − x)², so that exp(−βf) is normal."""
    w = world.make(0, 1, [30])
    image = w.generator(w.truth[None])
    curvature = float(image.square().sum() / w.truth.square().sum())
    beta = 400 / curvature / float(w.truth.square().sum())
    start = w.truth.expand(4000, 1)
    draws = langevin.snapshots(langevin.adjusted(w, start, 0.8 / curvature, beta, 0), 40, 10, 3)
    errors = (draws - w.truth) * math.sqrt(beta * curvature)
    assert float(errors.mean()) == pytest.approx(0, abs=0.05)
    assert float(errors.std()) == pytest.approx(1, rel=0.03)


def test_w2_of_a_shifted_sample_is_the_shift():
    a = world.normal(0, "a", 50, 2)
    shift = torch.tensor([0.3, -0.4], dtype=torch.float64)
    assert gibbs.squared_w2(a, a[torch.randperm(50)] + shift) == pytest.approx(0.25)


def test_a_power_is_found_with_an_interval_over_networks():
    rows = [
        {"net": net, "x": x, "y": (1 + 0.1 * net) * x**1.5} for net in range(3) for x in (1, 2, 5)
    ]
    found = intervals.power(rows, "x", "y")
    assert found.mean == pytest.approx(1.5)
    assert (found.low, found.high) == pytest.approx((1.5, 1.5))


def test_a_rate_is_the_slope_of_the_log_error():
    errors = torch.cat([torch.tensor([1.0, 0.7]), 0.05 * 0.8 ** torch.arange(40.0)]).double()
    rate, square = sign_check.rate(errors)
    assert rate == pytest.approx(-math.log(0.8), rel=1e-5)
    assert square == pytest.approx(1)


def test_the_quick_run_measures_prints_and_draws_everything(tmp_path, capsys):
    main(["--quick", "--out", str(tmp_path), "--plots", str(tmp_path)])
    said = capsys.readouterr().out
    for name in EXPERIMENTS:
        assert read(tmp_path / f"{name}.csv")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
    for part in "abcdef":
        assert f"\n({part}) " in said
    main(["--stored", "--out", str(tmp_path), "--plots", str(tmp_path), "--only", "coupling"])
    again = capsys.readouterr().out
    assert again.strip().splitlines()[1:]
    assert all(line in said for line in again.strip().splitlines()[1:])
