import math
from dataclasses import replace

import torch

from invprob import tree
from invprob.solver import Problem
from invprob_basics.priors import Gaussian
from invprob_sgilo.solvers.released import Released, project
from tests.plugins.closed_form import last, problem


def test_codes_and_noise_maps_keep_their_norm():
    code, noise, features = torch.randn(2, 3, 8), torch.randn(2, 1, 4, 4), torch.randn(2, 5, 4, 4)
    one = torch.ones(2, 3, 1)
    assert torch.allclose(project("codes", code, one).norm(dim=2), one[..., 0])
    held = project("noise", noise, torch.full((2, 1, 1, 1), 3.0))
    assert torch.allclose(held.flatten(1).norm(dim=1), torch.full((2,), 3.0))
    assert project("features", features, torch.ones(2, 5, 1, 1)) is features


def test_the_code_keeps_the_norm_of_its_start_of_ones():
    p, _ = problem(dim=4, chains=3)
    state, _ = last(Released(stages=(1,), steps=(30,)), p)
    assert torch.allclose(state.u.norm(dim=1), torch.full((3,), 2.0), atol=1e-5)


def test_without_prior_and_noise_it_descends():
    p, _ = problem(dim=4, sigma=0.05)
    solver = Released(stages=(1,), steps=(100,), strength=0.0, noise=0.0)
    losses = [float(q.info.metrics["nll"]) for q in solver.run(p)]
    assert losses[-1] < 0.5 * losses[0]


def test_the_prior_moves_codes_by_part_of_an_euler_step():
    """Two codes of other laws: with a prior N(2, 1) the step turns u towards 2."""
    p, _ = problem(dim=4)
    prior = Gaussian(mean=2.0)
    p = Problem(p.y, p.operator, p.generator, p.keys, {1: prior})
    solver = Released(stages=(1,), steps=(1,), strength=1.0, noise=0.0, lr=1e-12)
    u = torch.tensor([[1.0, -1.0, 0.5, 0.0]])
    begun = replace(solver.init(p), u=u, norms=u.norm(dim=1, keepdim=True))
    beta = 0.1 + 19.9 * 0.01
    alpha = math.exp(-0.5 * (0.1 * 0.01 + 0.5 * 19.9 * 0.01**2))
    moved = u + (0.5 * beta * u + beta * (2.0 * alpha - u)) / 1000
    expected = moved * u.norm() / moved.norm()
    assert torch.allclose(solver.step(p, begun).state.u, expected, atol=1e-6)
    assert not torch.allclose(expected, u, atol=1e-4)


def test_noise_makes_chains_differ():
    p, _ = problem(dim=4, chains=2)
    still = Problem(p.y, p.operator, p.generator, p.keys, p.priors)
    quiet, _ = last(Released(stages=(1,), steps=(20,), noise=0.0), still)
    noisy, _ = last(Released(stages=(1,), steps=(20,), noise=0.1), still)
    assert torch.equal(quiet.u[0], quiet.u[1])
    assert not torch.allclose(noisy.u[0], noisy.u[1], atol=0.01)
    assert tree.batch(noisy.u) == 2
