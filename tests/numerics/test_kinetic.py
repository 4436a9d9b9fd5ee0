"""The pieces of kinetic Langevin dynamics alone, on distributions in two dimensions."""

import itertools
import math

import pytest
import torch

from invprob import tree
from invprob.numerics import kinetic, mcmc
from invprob.numerics.mcmc import Point

MEAN = torch.tensor([1.0, -2.0])
COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 0.5]])


def gaussian(u):
    """A point of U = ½ (u − m)ᵀ Σ⁻¹ (u − m)."""
    away = u - MEAN
    g = away @ torch.linalg.inv(COVARIANCE)
    return Point(u, g, 0.5 * (g * away).sum(1))


def banana(u):
    """A point of U = ½ x² + 2 (y − x²/2)²: x is standard normal, y has mean ½ and variance ¾."""
    x, y = u.unbind(1)
    away = y - x**2 / 2
    g = torch.stack([x - 4 * away * x, 4 * away], 1)
    return Point(u, g, x**2 / 2 + 2 * away**2)


def move(point_of, at, w, P, h, noise, damping=1.0, beta=1.0):
    """A move of BAOAB, the new velocity and the energy error."""
    w, first = kinetic.kick(w, at.g, P, h)
    u, w = kinetic.drift(at.u, w, P, h, damping, noise, beta)
    after = point_of(u)
    w, last = kinetic.kick(w, after.g, P, h)
    return after, w, first + last


def run(point_of, steps, h, preconditioner=(1.0, 1.0), beta=1.0, chains=4000, seed=0):
    rng = torch.Generator().manual_seed(seed)
    P, size = torch.tensor(preconditioner).expand(chains, 2), torch.full((chains,), h)
    at, w = point_of(torch.zeros(chains, 2)), torch.randn(chains, 2, generator=rng)
    kept = []
    for step in range(steps):
        noise = torch.randn(chains, 2, generator=rng)
        at, w, _ = move(point_of, at, w, P, size, noise, beta=beta)
        if step >= steps // 3:
            kept.append(at.u)
    return torch.cat(kept)


@pytest.mark.parametrize("h", [0.1, 0.5])
@pytest.mark.parametrize(("preconditioner", "beta"), [((1.0, 1.0), 1.0), ((0.5, 0.2), 2.0)])
def test_a_gaussian_is_exact_for_every_step_size(h, preconditioner, beta):
    x = run(gaussian, int(60 / h), h, preconditioner, beta)
    assert torch.allclose(x.mean(0), MEAN, atol=0.03)
    assert torch.allclose(torch.cov(x.T), COVARIANCE / beta, atol=0.03)


def test_a_curved_distribution_is_off_by_the_order_of_the_squared_step():
    x = run(banana, 600, 0.2)
    assert torch.allclose(x.mean(0), torch.tensor([0.0, 0.5]), atol=0.03)
    assert torch.allclose(x.var(0), torch.tensor([1.0, 0.75]), rtol=0.05)


def test_metropolis_keeps_the_distribution_where_the_step_is_too_large():
    """A rejected chain turns round: its velocity changes the sign (Horowitz, 1991)."""
    chains, P = 20_000, torch.ones(20_000, 2)
    rng = torch.Generator().manual_seed(0)
    x, e = torch.randn(2, chains, generator=rng)
    at, w = banana(torch.stack([x, x**2 / 2 + e / 2], 1)), torch.randn(chains, 2, generator=rng)
    h, accepted = torch.full((chains,), 0.6), []
    for _ in range(60):
        new, v, gained = move(banana, at, w, P, h, torch.randn(chains, 2, generator=rng))
        log_ratio = at.energy - new.energy - gained
        yes = torch.rand(chains, generator=rng).log() < log_ratio
        at, w = tree.where(yes, new, at), torch.where(yes[:, None], v, -w)
        accepted.append(yes.double().mean())
    assert 0.5 < float(torch.stack(accepted).mean()) < 0.8
    assert torch.allclose(at.u.mean(0), torch.tensor([0.0, 0.5]), atol=0.03)
    assert torch.allclose(at.u.var(0), torch.tensor([1.0, 0.75]), rtol=0.05)


def test_a_leaf_that_is_normal_rotates_without_an_error():
    """Whatever the step: the first leaf is normal and left out of g, the second sees both."""
    chains, h = 4000, torch.full((4000,), 1.2)
    rng = torch.Generator().manual_seed(0)

    def draw():
        return tuple(torch.randn(chains, 1, generator=rng) for _ in range(2))

    u, w, P = draw(), draw(), (torch.ones(chains, 1), torch.full((chains, 1), 0.5))
    zero = torch.zeros(chains, 1)
    _, gained = kinetic.kick(w, (zero, zero), P, h)
    assert torch.equal(gained, torch.zeros(chains))
    before = u[0] ** 2 + w[0] ** 2
    moved, velocity = kinetic.drift(u, w, P, h, 0.0, draw(), normal=(True, False))
    assert torch.allclose(moved[0] ** 2 + velocity[0] ** 2, before, atol=1e-5)
    assert torch.allclose(moved[1], u[1] + 1.2 * 0.5**0.5 * w[1])
    # cos of an angle of 1.2 is how much of the place is left
    assert float((moved[0] * u[0]).mean()) == pytest.approx(math.cos(1.2), abs=0.05)


def test_power_iterations_find_the_largest_curvature():
    H = torch.diag(torch.tensor([5000.0, 900.0, 3.0, 1.0]))
    Q = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0))).Q
    H = Q @ H @ Q.T
    P = torch.full((3, 4), 0.5)
    at = Point(torch.ones(3, 4), torch.ones(3, 4) @ H)
    direction, found = torch.randn(3, 4, generator=torch.Generator().manual_seed(1)), []
    for _ in range(4):
        value, direction = kinetic.curvature(lambda u: u @ H, at, P, direction)
        found.append(value)
    assert torch.allclose(found[-1], torch.full((3,), 2500.0), rtol=0.02)
    assert all(bool((a <= b * 1.001).all()) for a, b in itertools.pairwise(found))


def test_the_step_size_comes_to_its_energy_error_from_below_and_above():
    chains, target = 500, 1e-3
    rng = torch.Generator().manual_seed(0)
    P, root = torch.ones(chains, 2), torch.linalg.cholesky(COVARIANCE).T
    start = gaussian(MEAN + torch.randn(chains, 2, generator=rng) @ root)
    sizes, errors = {}, []
    for first in (0.01, 0.6):
        at, w = start, torch.randn(chains, 2, generator=rng)
        h, mean = torch.full((chains,), first), torch.zeros(chains)
        for step in range(80):
            at, w, error = tried(at, w, P, h, torch.randn(chains, 2, generator=rng))
            if step < 40:
                h, mean = kinetic.adapt_to_energy_error(h, error**2 / 2, mean, step, target)
            else:
                errors.append(error)
        sizes[first] = h
    assert float((sizes[0.01] / sizes[0.6]).log().mean()) == pytest.approx(0, abs=0.1)
    assert 0.5 * target < float(torch.cat(errors).square().mean() / 2) < 3 * target


def tried(at, w, P, h, noise):
    """A move, and its energy error with a trapezoid for the energy."""
    new, v, gained = move(gaussian, at, w, P, h, noise)
    return new, v, mcmc.trapezoid(at, new) + gained


def test_an_error_that_is_not_finite_halves_the_step():
    h = torch.tensor([0.4, 0.4])
    error = torch.tensor([torch.nan, torch.inf])
    after, mean = kinetic.adapt_to_energy_error(h, error, torch.zeros(2), 0, 1e-3)
    assert torch.allclose(after, h / 2)
    assert bool(mean.isfinite().all())
