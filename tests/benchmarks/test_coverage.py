"""The study of coverage, on a linear generator of which the posterior is known."""

import runpy
from pathlib import Path

import pytest
import torch

from invprob.runs.build import Parts
from invprob_basics.priors import Gaussian
from invprob_mcmc.hmc import HMC
from invprob_sgilo.solvers.sgilo import SGILO
from tests.plugins import closed_form

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "studies" / "coverage.py"
study = runpy.run_path(str(SCRIPT))


def parts(solver):
    p, _ = closed_form.problem(dim=6, sigma=0.02)
    p.generator.matrix.mul_(0.2)  # images in [0, 1]
    return Parts(solver, p.generator, p.operator, torch.device("cpu"), p.priors)


def test_a_truth_that_is_one_more_draw_is_covered_as_often_as_is_said():
    made = parts(HMC(steps=24, leapfrog=4))
    rows = [study["judged"](made, "generator", 4, picture) for picture in range(8)]
    for q in study["LEVELS"]:
        found = sum(row[f"coverage {q:.0%}"] for row in rows) / len(rows)
        assert found == pytest.approx(q, abs=0.15)
    ranks = [name for name in rows[0] if name.startswith("rank ")]
    assert len(ranks) == 10
    assert {row[name] for row in rows for name in ranks} == {0, 1, 2, 3, 4}


def test_a_picture_of_the_prior_has_the_noise_of_the_level_at_which_it_is_read(monkeypatch):
    """Its variance is 1 + σ²/α² times that of the prior, as that of the smoothed prior is."""
    monkeypatch.setitem(study["from_prior"].__globals__, "REVERSE", 50)
    made = parts(SGILO(stages=(1,), steps=(20,), t_end=0.5))
    draws = torch.cat([study["from_prior"](made, i) for i in range(100)]).flatten(1) - 0.5
    alpha, sigma = Gaussian().schedule(torch.tensor([0.5]))
    J = made.generator.matrix
    expected = (1 + (sigma / alpha) ** 2) * (J @ J.T).trace()
    assert float(draws.square().sum(1).mean()) == pytest.approx(float(expected), rel=0.2)


def test_uniform_ranks_are_not_rejected_and_those_of_narrow_samples_are():
    even = [i % 9 for i in range(64)]
    assert study["uniform"](even, 8, "a") > 0.1
    assert study["uniform"]([0, 8] * 32, 8, "a") < 1e-6


def test_the_same_command_goes_on_where_it_stopped(tmp_path, capsys, monkeypatch):
    asked = []

    def judged(parts, truths, samples, picture):
        asked.append(picture)
        found = {f"coverage {q:.0%}": q for q in study["LEVELS"]}
        found |= dict.fromkeys(study["SUMMED"], 1.0)
        return found | {f"rank {k}": picture for k in "abcdefghij"}

    names = study["main"].__globals__
    monkeypatch.setitem(names, "judged", judged)
    monkeypatch.setitem(names, "parts_of", lambda solver, task, models: (None, "12345678"))
    out = str(tmp_path / "rows.csv")
    common = ["--out", out, "--task", "identity", "--solver", "hmc", "--samples", "2"]
    study["main"]([*common, "--pictures", "2"])
    study["main"]([*common, "--pictures", "3"])
    assert asked == [0, 1, 2]
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("| `identity` | `hmc` | 2 | prior | 12345678 | 3 | 50.0% [50.0%, 50.0%]")
    assert said.endswith("| not rejected |")


def test_objects_come_from_specs_and_other_models_have_another_name():
    make = study["parts_of"]
    steps = "sgilo:stages=1,steps=20,fisher_probes=1"
    one, name = make(steps, "superres:factor=16", (("generator", "stylegan2:weights=fruits64"),))
    assert one.operator.out_shape == (3, 4, 4)
    assert name != make(steps, "superres:factor=16", ())[1]
