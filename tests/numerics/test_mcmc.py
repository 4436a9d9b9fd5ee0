"""The samplers alone, on distributions in two dimensions."""

import pytest
import torch

from invprob import tree
from invprob.numerics import mcmc
from invprob.numerics.mcmc import Point


def test_a_constant_preconditioner_keeps_the_distribution():
    # U = ½ xᵀ H x with a badly scaled H and an arbitrary P
    H = torch.diag(torch.tensor([1.0, 25.0]))
    P = torch.tensor([0.5, 0.05]).expand(4000, 2)
    eta = torch.full((4000,), 0.05)
    x = torch.zeros(4000, 2)
    rng = torch.Generator().manual_seed(0)
    for _ in range(600):
        xi = torch.randn(x.shape, generator=rng)
        x = mcmc.langevin(x, x @ H, P, eta, xi, 2.0)
    expected = 1 / (2.0 * H.diagonal())
    assert torch.allclose(x.var(0), expected, rtol=0.12)


def test_both_acceptances_agree_for_a_quadratic():
    H = torch.diag(torch.tensor([1.0, 9.0]))
    rng = torch.Generator().manual_seed(1)
    u = 0.2 * torch.randn(5, 2, generator=rng)
    P, eta = torch.tensor([[1.0, 0.2]]).expand(5, 2), torch.full((5,), 0.5)
    v = mcmc.langevin(u, u @ H, P, eta, torch.randn(5, 2, generator=rng), 1.5)

    def point(w):
        return Point(w, w @ H, 0.5 * ((w @ H) * w).sum(1))

    exact = mcmc.metropolis(point(u), point(v), P, eta, 1.5)
    found = mcmc.pseudo_acceptance(u @ H, v @ H, P, eta, 1.5)
    assert torch.allclose(found, exact, atol=1e-5)
    assert 0 < float(exact.min()) < 0.99


MEAN = torch.tensor([1.0, -2.0])
COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 0.5]])


def gaussian(u):
    """A point of U = ½ (u − m)ᵀ Σ⁻¹ (u − m)."""
    away = u - MEAN
    g = away @ torch.linalg.inv(COVARIANCE)
    return Point(u, g, 0.5 * (g * away).sum(1))


@pytest.mark.parametrize("preconditioner", [(1.0, 1.0), (2.0, 0.5)])
def test_mala_draws_from_a_gaussian_with_a_step_size_that_it_adapts(preconditioner):
    rng = torch.Generator().manual_seed(0)
    chains, burn_in, steps = 2000, 60, 260
    P = torch.tensor(preconditioner).expand(chains, 2)
    at, eta, draws, accepted = gaussian(torch.zeros(chains, 2)), torch.full((chains,), 0.01), [], []
    for step in range(steps):
        noise = torch.randn(chains, 2, generator=rng)
        new = gaussian(mcmc.langevin(at.u, at.g, P, eta, noise))
        chance = mcmc.metropolis(at, new, P, eta)
        at = tree.where(torch.rand(chains, generator=rng) < chance, new, at)
        if step < burn_in:
            eta = mcmc.adapt_step_size(eta, chance, 0.6, step)
        else:
            draws.append(at.u)
            accepted.append(chance.mean())
    x = torch.cat(draws)
    assert torch.allclose(x.mean(0), MEAN, atol=0.02)
    assert torch.allclose(torch.cov(x.T), COVARIANCE, atol=0.03)
    assert float(torch.stack(accepted).mean()) == pytest.approx(0.6, abs=0.05)


def test_a_move_to_where_the_energy_is_not_finite_is_never_accepted():
    at = gaussian(torch.zeros(1, 2))
    off = Point(at.u + 1, at.g, torch.tensor([torch.nan]))
    one = torch.ones(1)
    assert float(mcmc.metropolis(at, off, torch.ones(1, 2), one)) == 0
