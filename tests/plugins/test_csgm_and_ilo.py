import pytest
import torch

from invprob.errors import BadParams, Incompatible
from invprob.latents import stages
from invprob.solver import Problem
from invprob.testing import toys
from invprob_basics.priors import Gaussian
from invprob_csgm.solver import CSGM, styles, units
from invprob_ilo.l1_ball import L1Ball, project
from invprob_ilo.params import L1BallParams
from invprob_ilo.solver import ILO
from invprob_theory.generator import RandomReLU
from tests.plugins.closed_form import last, posterior, problem, with_balls


def test_csgm_finds_the_posterior_mode():
    p, _ = problem(sigma=0.1)
    mode, _ = posterior(p, 0.1)
    solver = CSGM(steps=2400, restarts=1, lr=0.02)
    state, info = last(solver, p)
    assert torch.allclose(state.z[0], mode, atol=1e-2)
    assert torch.allclose(solver.result(p, state).image, p.generator(mode[None]), atol=1e-2)
    assert info.metrics["chi2"].shape == (1,)


def test_csgm_keeps_the_best_restart():
    p, _ = problem(rows=2)
    solver = CSGM(steps=5, restarts=3)
    state, info = last(solver, p)
    best = state.track.best.reshape(2, 3)
    picked = solver.result(p, state).image
    for row in range(2):
        assert torch.equal(picked[row], state.image[row * 3 + int(best[row].argmin())])
    assert info.image.shape == (2, 1, 3, 4)


def test_csgm_tells_the_likelihood_of_the_image_that_it_shows():
    p, _ = problem(rows=2, sigma=0.1)
    for state, info in CSGM(steps=40, restarts=2, lr=0.5).run(p):
        assert state.step
        seen = p.operator(info.image)
        for name, right in (
            ("nll", -p.operator.noise.log_prob(p.y, seen)),
            ("chi2", p.operator.noise.chi2(p.y, seen)),
        ):
            assert torch.allclose(info.metrics[name], right, rtol=1e-4), (state.step, name)


def test_features_of_a_generator_without_codes_are_no_styles():
    for depth in (1, 2):
        with pytest.raises(Incompatible, match="needs style codes, and RandomReLU has none"):
            styles(RandomReLU(depth=depth, image_shape=(1, 4, 4)))


def test_ilo_reaches_the_noise_level_within_a_wide_ball():
    p, _ = problem(sigma=0.1)
    solver = ILO(stages=(0, 1), steps=(100, 100))
    state, _ = last(solver, with_balls(p, 100.0))
    image = solver.result(p, state).image
    assert float(p.operator.chi2(p.y, image)) < 1


def test_ilo_stays_within_a_narrow_ball():
    p, _ = problem(sigma=0.1)
    q = with_balls(p, 0.01)
    solver = ILO(stages=(0, 1), steps=(20, 20))
    state, _ = last(solver, q)
    assert float((state.x - state.start).abs().sum()) <= 0.01 * 4 + 1e-6


def test_l1_projection_is_the_nearest_point():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 2
    found = project(x, 1.0)
    assert float(found.abs().sum(1).max()) <= 1 + 1e-5
    inside = x.abs().sum(1) <= 1
    assert torch.equal(found[inside], x[inside])
    # no point of a dense sample of the ball is nearer
    corners = torch.distributions.Dirichlet(torch.ones(4)).sample((4000,))[:, :3]
    signs = torch.randint(0, 2, corners.shape) * 2 - 1
    ball = torch.cat([corners * signs, torch.eye(3), -torch.eye(3)])
    nearest = torch.cdist(x, ball).min(1).values
    assert bool(((x - found).norm(dim=1) <= nearest + 1e-4).all())


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"stages": (0, 1), "steps": (5,)}, "2 stages but 1 step"),
        ({"stages": (1, 0), "steps": (5, 5)}, "do not ascend"),
        ({"stages": (1, 2), "steps": (5, 5)}, "within 0 … 1"),
    ],
)
def test_impossible_rounds_are_refused(params, says):
    p, _ = problem()
    with pytest.raises(BadParams, match=says):
        ILO(**params).validate(p.generator)


def test_a_missing_capability_is_refused_before_the_first_step():
    p, _ = problem()
    with pytest.raises(Incompatible, match="proximal"):
        last(ILO(stages=(0,), steps=(2,)), with_none(p))


def with_none(p):
    from invprob.solver import Problem

    return Problem(p.y, p.operator, p.generator, p.keys, {})


def test_ilo_rests_at_the_noise_level_where_it_would_fit_the_noise():
    p, _ = problem(sigma=0.1, rows=2)
    wide = with_balls(p, 100.0)
    chi2 = {}
    for level in (0.0, 1.0):
        solver = ILO(stages=(0, 1), steps=(60, 60), fitted=level)
        state, _ = last(solver, wide)
        chi2[level] = p.operator.chi2(p.y, solver.result(p, state).image)
    assert bool((chi2[0.0] < 0.8).all())
    assert bool(((chi2[1.0] > 0.8) & (chi2[1.0] <= 1)).all())


def test_radii_in_units_of_the_spread_act_on_every_leaf_alike():
    G = toys.Linear()
    params = L1BallParams(radii=(0.5,), unit="spread")
    ball = L1Ball.from_params(params, G, 1)
    _, spread = stages.moments(G, 1)
    far = toys.Carry(h=torch.full((2, 4), 9.0), w=torch.full((2, 4), -9.0))
    found = ball.prox(far)
    torch.testing.assert_close(found.h.abs().mean(), 0.5 * spread.h.squeeze())
    torch.testing.assert_close(found.w.abs().mean(), 0.5 * spread.w.squeeze())
    with pytest.raises(Incompatible, match="needs a generator"):
        L1Ball.from_params(params, None, 1)


def test_csgm_searches_style_codes_in_units_of_their_spread():
    p = toys.problem(True, ["log_density"])
    G = p.generator
    assert styles(G) == 1
    q = Problem(p.y, p.operator, G, p.keys, {1: Gaussian()})
    solver = CSGM(steps=150, space="w", lr=0.05)
    start = solver.init(q)
    torch.testing.assert_close(start.image, G(stages.draws(G, 1, p.keys, "restart", 0), start=1))
    state, info = last(solver, q)
    assert info.stage == 1
    assert float(info.metrics["chi2"].mean()) < 0.2 * float(
        p.operator.chi2(p.y, start.image).mean()
    )
    mean, spread = units(G, 1)
    x = type(mean)(h=state.z.h * spread.h + mean.h, w=state.z.w * spread.w + mean.w)
    assert bool(p.operator.chi2(p.y, G(x, start=1)).isfinite().all())
