"""Chains that are stuck, pixels that are undecided, spreads that grow."""

import math

import pytest
import torch

from invprob.analysis import chains
from invprob.analysis.diagnostics import Diagnosis, examine
from invprob.analysis.draws import Drawn
from invprob_sgilo.solvers.sgilo import SGILO
from tests.plugins.sgilo.solvers.worlds import folded


def independent(count=4, draws=32, shape=(3, 16, 16), seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, draws, *shape, generator=rng)


def test_pixels_on_which_chains_disagree_are_undecided():
    images = independent()
    images[1, :, :, :4] += 3
    r_hat = chains.pixel_r_hat(images)
    assert r_hat.shape == (16, 16)
    assert float(r_hat[:4].min()) > chains.UNDECIDED
    assert float((r_hat[4:] >= chains.UNDECIDED).float().mean()) < 0.02
    assert chains.undecided(r_hat) == pytest.approx(0.25, abs=0.02)


def test_what_stands_still_is_decided_if_chains_agree():
    images = independent()
    images[..., 0] = 0.5
    images[..., 1] = torch.arange(4.0)[:, None, None, None]
    r_hat = chains.pixel_r_hat(images)
    assert bool((r_hat[:, 0] == 1).all())
    assert bool(r_hat[:, 1].isinf().all())
    assert chains.undecided(r_hat) == pytest.approx(1 / 16, abs=0.02)


def test_a_chain_that_is_lost_leaves_its_pixels_undecided():
    images = torch.randn(4, 40, 3, 6, 5, generator=torch.Generator().manual_seed(0))
    images[1, :, :, :, 2:] = torch.nan
    found = chains.pixel_r_hat(images)
    assert bool((found[:, :2] < chains.UNDECIDED).all())
    assert bool(found[:, 2:].isposinf().all())
    assert chains.undecided(found) == pytest.approx(0.6)


def test_of_few_images_nothing_is_known():
    assert chains.pixel_r_hat(independent(count=1)) is None
    assert chains.pixel_r_hat(independent(draws=chains.LEAST_IMAGES - 1)) is None
    assert math.isnan(chains.undecided(None))


def test_nested_r_hat_is_1_for_one_distribution_and_sees_groups_that_differ():
    rng = torch.Generator().manual_seed(0)
    values = torch.randn(8, 16, 1, 2, generator=rng)
    found = chains.nested_r_hat(values)
    # √(1 + 1/M) of independent draws, M chains in a group
    assert torch.allclose(found, torch.full((2,), (1 + 1 / 16) ** 0.5), atol=0.05)
    values[:4, ..., 1] += 2
    assert float(chains.nested_r_hat(values)[1]) > 1.3
    one = torch.randn(4, 1, 400, 1, generator=rng)
    assert float(chains.nested_r_hat(one)) == pytest.approx(1, abs=0.01)


def test_the_spread_of_a_walk_grows_and_that_of_draws_does_not():
    half, full = chains.spreads(independent())
    assert full == pytest.approx(half, rel=0.03)
    half, full = chains.spreads(independent().cumsum(1))
    assert full > 1.2 * half


def test_chains_of_a_far_larger_chi2_are_stuck():
    assert chains.stuck([1.0, 1.05, 3.0, 0.97], 1000) == (2,)
    assert chains.stuck([2.5, 1.05, 3.0, 2.2], 1000) == (0, 2, 3)
    assert chains.stuck([1.0, 1.5], 48) == ()
    assert chains.stuck([1.0, math.inf, math.nan], 48) == (1, 2)
    assert chains.stuck([math.nan, math.nan], 48) == ()


def test_stuck_chains_are_named():
    said = Diagnosis("not converged", chi2=(1.02, 2.1, 3.3, 0.99), stuck=(1, 2)).stuck_words
    assert said == "2 of 4 chains are stuck (χ² 2.1–3.3, the best 1.0): chains 2, 3"
    said = Diagnosis("not converged", chi2=(1.0, 2.14), stuck=(1,)).stuck_words
    assert said == "1 of 2 chains is stuck (χ² 2.1, the best 1.0): chain 2"
    assert Diagnosis("converged", chi2=(1.0, 1.1)).stuck_words == ""


def drawn_by(solver, p):
    """The draws of a run of one measurement, as a run folder has them."""
    rows = [step.info for step in solver.run(p) if step.info.draw]
    images = torch.stack([info.image for info in rows], 1)
    chi2 = torch.stack([p.operator.chi2(p.y, info.image) for info in rows], 1)
    values = torch.stack([info.image.flatten(1)[:, :3] for info in rows], 1)
    count = torch.arange(len(rows))
    return Drawn(("a", "b", "c"), count, values[None], count, images[None], chi2[None])


def test_in_a_world_of_two_valleys_the_chains_in_the_worse_are_named():
    p = folded(chains=8)
    solver = SGILO(stages=(1,), steps=(120,), anneal=0.3, t_end=0.01)
    drawn = drawn_by(solver, p)
    (found,) = examine(drawn, p.y[0].numel(), [()])
    worse = drawn.chi2[0].mean(1) > 3
    assert 0 < int(worse.sum()) < 8
    assert found.stuck == tuple(worse.nonzero().flatten().tolist())
    assert f"{len(found.stuck)} of 8 chains" in found.stuck_words
    assert found.undecided > 0.5
    assert found.r_hat_nested > 1.1
