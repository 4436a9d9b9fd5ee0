"""Plug-and-play on worlds whose answers are known."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

import invprob
from invprob import seeds
from invprob.analysis import metrics
from invprob.diffusion import levels
from invprob.noise import WhiteNoise
from invprob.operator import Operator
from invprob.problem import Problem
from invprob_basics import GaussianNoise, Inpaint, PoissonNoise, Quantize
from invprob_pnp import DAPS, DiffPIR, PnP, data_term
from tests.plugins.closed_form import last
from tests.plugins.pnp.worlds import (
    MEAN,
    SEEN,
    SHAPE,
    SIGMA,
    SPREAD,
    Mixed,
    Pixels,
    posterior,
    problem,
)


def solved(solver, p):
    return solver.result(p, last(solver, p)[0]).image


def fixed_point(p, sigma, weight):
    """z = D(prox(z)) is linear here: the fixed point solves a linear system."""
    M = p.operator.matrix.double()
    gamma, gain = sigma**2 / weight / SIGMA**2, SPREAD**2 / (SPREAD**2 + sigma**2)
    eye = torch.eye(36, dtype=torch.float64)
    near = torch.linalg.inv(eye + gamma * M.T @ M)
    still = gain * near @ (gamma * M.T @ p.y[0].double()) + (1 - gain) * MEAN
    return torch.linalg.solve(eye - gain * near, still)


@pytest.mark.parametrize("momentum", [0.0, 0.65, 0.9])
def test_pnp_ends_at_the_fixed_point_of_its_last_level(momentum):
    p, sigma, weight = problem(), 0.1, 0.5
    solver = PnP(steps=100, start=sigma, end=sigma, weight=weight, momentum=momentum)
    found = solved(solver, p).flatten().double()
    assert torch.allclose(found, fixed_point(p, sigma, weight), atol=5e-4)


def test_momentum_is_nearer_to_the_fixed_point_after_half_of_the_steps():
    p, sigma, weight = problem(), 0.1, 0.5
    still = fixed_point(p, sigma, weight)

    def distance(steps, momentum):
        solver = PnP(steps=steps, start=sigma, end=sigma, weight=weight, momentum=momentum)
        return float((solved(solver, p).flatten() - still).norm())

    assert distance(6, PnP().params.momentum) < distance(12, 0.0)


def test_the_record_of_a_run_before_momentum_has_none():
    record = {"steps": 24, "start": 0.2, "weight": 0.23, "inner": 20}
    assert PnP(**record).params.momentum == 0
    assert PnP(steps=24).params.momentum == PnP().params.momentum > 0


def test_a_step_goes_on_by_a_part_of_the_last_change():
    p = problem()
    solver = PnP(steps=3, momentum=0.5)
    state = solver.init(p)
    first = solver.step(p, state).state
    assert state.v is None
    assert first.v is None
    second = solver.step(p, first).state
    assert torch.allclose(second.v, 1.5 * second.z - 0.5 * first.z)


@pytest.mark.parametrize("zeta", [0.75, 1.0])
def test_diffpir_at_one_level_stays_around_its_fixed_point_as_is_known(zeta):
    """v' = (1 − a) x(v) + a v + σ √ζ ε with a = √(1 − ζ) and x affine in v: the mean of its
    stationary distribution is the fixed point of x, and its covariance solves Σ = F Σ F + σ² ζ."""
    p, sigma, weight = problem(rows=300), 0.1, 0.5
    solver = DiffPIR(steps=35, start=sigma, end=sigma, weight=weight, zeta=zeta)
    found = solved(solver, p).flatten(1).double()
    M = p.operator.matrix.double()
    gamma, gain = sigma**2 / weight / SIGMA**2, SPREAD**2 / (SPREAD**2 + sigma**2)
    eye = torch.eye(36, dtype=torch.float64)
    near = torch.linalg.inv(eye + gamma * M.T @ M)
    still = near @ (gamma * M.T @ p.y[0].double() + (1 - gain) * MEAN)
    expected = torch.linalg.solve(eye - gain * near, still)
    a = (1 - zeta) ** 0.5
    F = (1 - a) * gain * near + a * eye
    spread = sigma**2 * zeta * torch.linalg.inv(eye - F @ F)
    covariance = (gain * near) @ spread @ (gain * near)
    errors = (found.mean(0) - expected) / (covariance.diagonal() / 300).sqrt()
    assert float(errors.square().mean()) == pytest.approx(1, abs=0.6)
    assert float(found.var(0).sum() / covariance.trace()) == pytest.approx(1, abs=0.1)


def test_a_hole_is_filled_from_its_rim_whatever_its_size():
    """A plane is as smooth as its rim asks, so the smoothest image that explains y is the plane."""
    across = torch.linspace(0.1, 0.4, 96)
    plane = (across + across[:, None] / 2).expand(1, 3, 96, 96)
    for side in (8, 30, 60):
        mask = torch.ones(1, 96, 96)
        mask[:, 12 : 12 + side, 20 : 20 + side] = 0
        A = Inpaint(mask=mask, image_shape=(3, 96, 96))
        found = data_term.smooth(A, A(plane))
        assert float((found - plane).abs().max()) < 0.03, side


def test_samples_of_pnp_are_one_image_that_is_computed_once():
    p = problem(rows=3)
    state, image = last(PnP(steps=2), p)[0], solved(PnP(steps=2), p)
    assert len(state.z) == 1
    assert torch.equal(image, image[:1].expand_as(image))


def test_pnp_falls_by_equal_factors_to_the_noise():
    sigmas = PnP(steps=5, start=0.8).sigmas(problem())[:, 0].tolist()
    assert sigmas[0] == 0.8
    assert sigmas[-1] == pytest.approx(SIGMA)
    ratios = [b / a for a, b in pairwise(sigmas)]
    assert max(ratios) - min(ratios) < 1e-9


def test_the_noise_of_one_measurement_does_not_count_for_another():
    A = Mixed().with_noise(PoissonNoise(0.05))
    y = A(torch.rand((2, *SHAPE), generator=seeds.stream(3)).double()).abs()
    y = y * torch.tensor([[0.1], [1.0]])
    whole, *alone = (Problem.create(rows, A, num_samples=2) for rows in (y, y[:1], y[1:]))
    levels_of = PnP(steps=3).sigmas
    assert torch.equal(levels_of(whole), torch.cat([levels_of(p) for p in alone], 1))
    dim, bright = levels_of(whole)[-1].tolist()
    assert dim < 0.5 * bright


def test_each_image_has_its_own_reach_in_the_data_term():
    z = torch.rand((2, *SHAPE), generator=seeds.stream(4)).double()
    reaches = torch.tensor([0.02, 0.3])
    for A in (Mixed(), Mixed().with_noise(PoissonNoise(0.05))):
        y = A(z + 0.1).abs()
        found = data_term.solve(A, y, z, reaches, 5)
        for i, tau in enumerate(reaches.tolist()):
            alone = data_term.solve(A, y[i : i + 1], z[i : i + 1], tau, 5)
            assert torch.allclose(found[i], alone[0], atol=1e-6)


def test_pnp_falls_to_the_noise_before_a_sensor_rounds_and_is_ahead_of_what_was_recorded():
    x = invprob.datasets.faces(1)
    A = Quantize(2, image_shape=(3, 64, 64), noise=GaussianNoise(0.02))
    y = A.measure(x, [seeds.stream(2)])
    assert float(A.noise.scale(y).min()) > 0.09
    assert float(PnP().sigmas(Problem.create(y, A))[-1]) == pytest.approx(0.02)
    found = invprob.solve(y, solver="pnp:steps=12", operator=A, num_samples=1)
    assert float(metrics.psnr(found.mean, x)) > float(metrics.psnr(A.observed(y), x)) + 0.7


@pytest.mark.parametrize("solver", [DAPS(levels=50, ode_steps=6), DiffPIR(steps=100)])
def test_the_mean_of_samples_is_that_of_the_posterior(solver):
    p = problem(rows=150)
    image = solved(solver, p).flatten(1).double()
    mean, covariance = posterior(p)
    assert float((image.mean(0) - mean).square().mean().sqrt()) < 0.2 * SPREAD
    assert 0.5 < float(image.std(0).mean() / covariance.diagonal().sqrt().mean()) < 1.5


class Unknown(Operator):
    """The sums of pixels of `Mixed`, of which nobody knows that they are linear."""

    in_shape, out_shape = SHAPE, (SEEN,)

    def __init__(self) -> None:
        super().__init__(GaussianNoise(SIGMA))
        self.mixed = Mixed()

    def forward(self, x):
        return self.mixed(x)


def test_langevin_of_daps_is_stable_far_above_the_noise_and_samples_the_posterior():
    p = replace(problem(rows=80), operator=Unknown())
    seen = list(DAPS(levels=20, ode_steps=4, steps=40, step_size=0.4, end=0.02).run(p))
    assert max(float(progress.info.image.abs().max()) for progress in seen) < 10
    image = seen[-1].state.image.flatten(1).double()
    mean, covariance = posterior(problem())
    assert float((image.mean(0) - mean).square().mean().sqrt()) < 0.25 * SPREAD
    assert 0.5 < float(image.std(0).mean() / covariance.diagonal().sqrt().mean()) < 1.5


class Squared(Operator):
    """x² + noise: not linear."""

    in_shape = out_shape = SHAPE

    def forward(self, x):
        return x.square()


def test_the_data_term_of_other_operators_is_where_its_gradient_vanishes():
    A, tau = Squared(GaussianNoise(0.05)), 0.1
    z = 0.3 + 0.4 * torch.rand((2, *SHAPE), generator=seeds.stream(0))
    y = A(z + 0.05)
    x = data_term.solve(A, y, z, tau, 60).requires_grad_()
    value = (x - z).square().sum() / (2 * tau**2) - A.log_likelihood(y, x).sum()
    (slope,) = torch.autograd.grad(value, x)
    assert float(slope.abs().max()) < 1e-2 * float((x.detach() - z).abs().max()) / tau**2


def test_the_first_guess_is_smooth_and_explains_the_measurement():
    p = problem()
    x = data_term.smooth(p.operator, p.y)
    assert float((p.operator(x) - p.y).abs().max()) < 0.3 * float(p.y.std())
    ramp = torch.linspace(0, 1, 6).expand(1, 1, 6, 6)
    inner = data_term.roughness(ramp)[..., 1:-1]
    assert float(inner.abs().max()) < 1e-6


def test_noise_levels_are_those_of_images():
    prior = Pixels()
    x = torch.rand((2, *SHAPE), generator=seeds.stream(1))
    gain = SPREAD**2 / (SPREAD**2 + 0.3**2)
    assert torch.allclose(levels.denoised(prior, x, 0.3), MEAN + gain * (x - MEAN), atol=1e-5)
    own = levels.denoised(prior, x, torch.tensor([0.1, 0.3]))
    assert torch.equal(own[1:], levels.denoised(prior, x[1:], 0.3))
    assert torch.equal(own[:1], levels.denoised(prior, x[:1], 0.1))
    assert isinstance(problem().operator.noise, WhiteNoise)
