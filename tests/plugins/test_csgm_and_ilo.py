import pytest
import torch

from invprob.errors import BadParams, Incompatible
from invprob_csgm.solver import CSGM
from invprob_ilo.l1_ball import project
from invprob_ilo.solver import ILO
from tests.plugins.closed_form import last, posterior, problem, with_balls


def test_csgm_finds_the_posterior_mode():
    p, _ = problem(sigma=0.1)
    mode, _ = posterior(p, 0.1)
    solver = CSGM(steps=800, restarts=1, lr=0.02)
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
