"""The metrics of a cell say which of the answers they judge."""

import math

import pytest
import torch

from invprob.bench import evaluate, origin, session, tables


def test_each_way_to_pick_an_answer_has_its_own_metric():
    truth = torch.full((1, 1, 16, 16), 0.5)
    errors = torch.tensor([0.1, 0.01, 0.2])
    image = truth + errors[:, None, None, None]
    chi2 = torch.tensor([0.9, 2.0, 0.4])
    found = evaluate.quality(image.mean(0, keepdim=True), image, image[0], chi2, truth)
    of = [-20 * math.log10(e) for e in errors.tolist()]
    assert found["psnr_oracle"] == pytest.approx(of[1], abs=1e-3)
    assert found["psnr_best_chi2"] == pytest.approx(of[2], abs=1e-3)
    assert found["psnr_random"] == pytest.approx(of[0], abs=1e-3)
    assert found["psnr_last"] == pytest.approx(sum(of) / 3, abs=1e-3)
    assert found["psnr_mean"] == pytest.approx(-20 * math.log10(0.31 / 3), abs=1e-3)


def test_chains_that_never_move_are_not_converged_in_the_table():
    """Their R-hat is ∞, which the store of cells does not hold."""
    cell = {"r_hat": None, "not_converged": 1.0}
    rows = [
        tables.Row("task", "still", f"i{k}", 0, session._judged(figures))
        for k, figures in enumerate((cell, {"r_hat": 1.01}, {"psnr_mean": 3.0}))
    ]
    (found,) = tables.lines(rows, ["task"], ["still"], "still")
    assert found.values["not_converged"].mean == 0.5
    assert found.values["r_hat"].mean == math.inf
    assert tables.number(found.values["r_hat"].mean, "r_hat") == "∞"


def test_without_noise_nothing_is_picked_by_chi2():
    image = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    chi2 = torch.full((2,), torch.nan)
    found = evaluate.quality(image[:1], image, image[1], chi2, image[:1])
    assert "psnr_best_chi2" not in found
    assert "psnr_last" in found


def test_a_turned_and_shifted_answer_counts_where_the_operator_cannot_tell():
    truth = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    near = (truth + 0.01).clamp(0, 1)
    image = torch.cat([truth.flip(2, 3).roll(3, 2), near, 1 - truth])
    found = evaluate.aligned(near, image, torch.tensor([0.3, 0.9, 2.0]), truth)
    assert found["psnr_aligned_best_chi2"] > 100
    assert 39 < found["psnr_aligned_mean"] < 42
    assert found["psnr_aligned_last"] < found["psnr_aligned_best_chi2"]
    assert set(found) <= set(tables.METRICS)


def test_the_origin_of_a_table_names_each_thing_once():
    here = origin.record(torch.device("cpu"))
    assert set(here) == {"date", "commit", "machine"}
    older = {**here, "date": "2001-02-03", "commit": "abc"}
    text = origin.line([here, older, here, {"seconds": 1.0}])
    assert f"Computed 2001-02-03 to {here['date']} by " in text
    assert text.count(here["machine"]) == text.count("abc") == 1
    assert origin.line([]) == "Nothing is computed yet."
