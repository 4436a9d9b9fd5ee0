import pytest
import torch

from invprob import tree
from invprob_sgilo import langevin
from invprob_sgilo.params import SGILOParams
from invprob_sgilo.solver import SGILO
from tests.solvers.closed_form import last, posterior, problem

SIGMA = 0.1


def test_langevin_samples_the_gaussian_posterior():
    p, _ = problem(dim=4, sigma=0.3, chains=400)
    mean, covariance = posterior(p, 0.3)
    solver = SGILO(
        SGILOParams(stages=(1,), steps=(300,), descent=0.1, level=1e-4, step=0.1, probes=32)
    )
    state, info = last(solver, p)
    x = state.x
    spread = covariance.diagonal().sqrt()
    error = (x.mean(0) - mean) / (spread / 400**0.5)
    assert float(error.abs().max()) < 4
    ratio = torch.linalg.eigvalsh(torch.linalg.solve(covariance, torch.cov(x.T)))
    assert 0.7 < float(ratio.min()) <= float(ratio.max()) < 1.45
    result = solver.result(p, state)
    image = p.generator(mean[None])
    assert torch.allclose(result.mean.mean(0), image[0], atol=0.03)
    assert float(info.metrics["acceptance"].mean()) > 0.6


def test_more_noise_widens_the_posterior():
    def width(sigma):
        p, _ = problem(dim=4, sigma=sigma, chains=100)
        solver = SGILO(SGILOParams(stages=(1,), steps=(300,), descent=0.1, level=1e-4))
        state, _ = last(solver, p)
        return float(solver.result(p, state).image.var(0).sum())

    assert width(0.4) > 1.3 * width(0.1)


def test_what_is_measured_is_sure_and_what_is_not_is_wide():
    # six coordinates of the latent, of which the measured pixels see three directions at most
    p, _ = problem(dim=6, measured=3, sigma=0.01, chains=200)
    solver = SGILO(SGILOParams(stages=(1,), steps=(400,), descent=0.2, level=1e-4))
    state, _ = last(solver, p)
    std = solver.result(p, state).image.std(0).flatten()
    assert float(std[:3].max()) < 0.03
    assert float(std[3:].mean()) > 0.1


def test_a_constant_preconditioner_keeps_the_law():
    # U = ½ xᵀ H x with a badly scaled H and an arbitrary P
    H = torch.diag(torch.tensor([1.0, 25.0]))
    P = torch.tensor([0.5, 0.05]).expand(4000, 2)
    eta = torch.full((4000,), 0.05)
    x = torch.zeros(4000, 2)
    rng = torch.Generator().manual_seed(0)
    for _ in range(600):
        u = torch.randn(x.shape, generator=rng)
        x = langevin.move(x, x @ H, P, eta, 2.0, u)
    expected = 1 / (2.0 * H.diagonal())
    assert torch.allclose(x.var(0), expected, rtol=0.12)


def test_curvature_is_the_largest_eigenvalue():
    H = torch.diag(torch.tensor([1.0, 4.0, 30.0]))
    x = torch.ones(2, 3)
    P = torch.ones(2, 3)
    start = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    found = langevin.largest_curvature(lambda v: v @ H, x, x @ H, P, start, 30)
    assert torch.allclose(found, torch.full((2,), 30.0), rtol=1e-2)


def test_the_fisher_diagonal_is_that_of_the_jacobian():
    p, _ = problem(dim=4, sigma=SIGMA, chains=1)
    x = torch.zeros(1, 4)
    rngs = [torch.Generator().manual_seed(0)]
    found = langevin.fisher_diagonal(p.operator, lambda v: p.generator(v, start=1), x, rngs, 3000)
    J = p.generator.matrix[:6]
    assert torch.allclose(found[0], (J**2).sum(0) / SIGMA**2, rtol=0.15)


def test_acceptance_is_that_of_metropolis_for_a_quadratic():
    H = torch.diag(torch.tensor([1.0, 9.0]))
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(5, 2, generator=rng)
    P, eta = torch.ones(5, 2), torch.full((5,), 0.1)
    u = torch.randn(5, 2, generator=rng)
    y = langevin.move(x, x @ H, P, eta, 1.0, u)

    def log_q(a, b):
        return -((a - b + 0.1 * b @ H) ** 2).sum(1) / (4 * 0.1)

    def energy(v):
        return 0.5 * ((v @ H) * v).sum(1)

    exact = (energy(x) - energy(y) + log_q(x, y) - log_q(y, x)).clamp_max(0).exp()
    found = langevin.acceptance(langevin.energy(x @ H, P), langevin.energy(y @ H, P), eta, 1.0)
    assert torch.allclose(found, exact, atol=1e-5)


def test_plateau_ends_the_descent_early():
    p, _ = problem(sigma=SIGMA)
    solver = SGILO(SGILOParams(stages=(1,), steps=(400,), descent=0.5, level=1e-4, plateau=5))
    passes = sum(1 for _ in solver.run(p))
    assert 200 < passes < 400
    assert tree.batch(last(solver, p)[0].x) == 1


@pytest.mark.parametrize("bad", [{"level": 0.0}, {"descent": 1.0}, {"beta": -1.0}, {"steps": (0,)}])
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        SGILOParams(**bad)
