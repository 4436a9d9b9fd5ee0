"""Chains as one answer: which count, what it is called, and what is left out only if asked for."""

import json

import pytest
import torch
from PIL import Image

from invprob.analysis.credible_intervals import interval
from invprob.analysis.diagnostics import Diagnosis
from invprob.config.experiment import Experiment
from invprob.runs import pooling
from invprob.runs.session import solve
from invprob_sgilo.solvers.sgilo import SGILO
from tests.analysis.test_draws import walk


@pytest.fixture
def photos(tmp_path):
    """Two grey pictures of the toys' size."""
    for name in "ab":
        Image.linear_gradient("L").resize((16, 16)).save(tmp_path / f"{name}.png")
    return [tmp_path / "a.png", tmp_path / "b.png"]


def pictures(images, samples, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(images, samples, 1, 4, 4, generator=rng)


def test_stuck_chains_count_unless_they_are_to_be_left_out():
    means, variances, last = pictures(2, 3), pictures(2, 3, 1), pictures(2, 3, 2)
    known = [Diagnosis("converged"), Diagnosis("not converged", chi2=(1, 1, 4), stuck=(2,))]
    whole = pooling.pool(known, means, variances, last, None, False)
    assert torch.allclose(whole.mean, means.mean(1))
    assert torch.allclose(whole.std**2, variances.mean(1) + means.var(1, unbiased=False))
    assert torch.equal(whole.interval.median, interval(last).median)
    assert whole.interval.count == 3
    part = pooling.pool(known, means, variances, last, None, True)
    assert part.counted.tolist() == [[True, True, True], [True, True, False]]
    assert torch.equal(part.mean[0], whole.mean[0])
    assert torch.allclose(part.mean[1], means[1, :2].mean(0))
    assert torch.allclose(part.interval.median[1], last[1, :2].mean(0))
    assert part.interval.count == 2


def test_the_coupling_of_an_image_is_that_of_its_chains_first_and_last():
    trace = [
        {"step": step, "chain": chain, "coupling": 0.0 if chain % 2 == 0 else chain / step}
        for step in (10, 20)
        for chain in range(4)
    ]
    trace.append({"step": 5, "chain": 1, "chi2": 1.0})
    found = pooling.couplings(trace, 2, 2)
    assert found == [(0.1, 0.05), (0.3, 0.15)]
    assert pooling.couplings(trace[-1:], 2, 2) == [(), ()]


def test_few_draws_are_called_an_estimate_and_no_interval(toys, photos, tmp_path):
    few = solve(walk(photos, solver="walk:steps=35,burn=30"), toys, tmp_path / "few")
    assert few.caveat == "15 draws, fewer than 20"
    assert few.earned == [False, False]
    rows = json.loads((tmp_path / "few" / "metrics.json").read_text())["images"]
    assert rows[0]["estimate"] == few.caveat
    assert rows[0]["interval_90"] is False


def test_an_interval_is_earned_by_chains_that_agree(toys, photos, tmp_path):
    solution = solve(walk(photos, solver="walk:steps=400,burn=100"), toys, tmp_path / "run")
    assert solution.caveat == ""
    decided = [found.undecided <= 0.2 and not found.stuck for found in solution.diagnostics]
    assert solution.earned == decided
    assert solution.pixel_r_hat.shape == (2, 16, 16)
    assert (tmp_path / "run" / "undecided" / "a.png").is_file()
    report = json.loads((tmp_path / "run" / "diagnostics.json").read_text())["images"]["a"]
    assert len(report["chi2"]) == 3
    assert report["spread"] == pytest.approx(solution.diagnostics[0].spread)
    assert report["r_hat_nested"] >= 1


def test_the_experiment_says_whether_stuck_chains_are_left_out():
    base = Experiment.parse({"solver": "walk"})
    assert base.leave_out == "none"
    assert Experiment.parse({"solver": "walk", "leave_out": "stuck"}).leave_out == "stuck"
    assert SGILO(weight=2.0).tempered
