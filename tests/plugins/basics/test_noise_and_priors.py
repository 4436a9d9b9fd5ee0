import math

import pytest
import torch

from invprob import seeds
from invprob.generator import Identity
from invprob_basics.noise import GaussianNoise, NoNoise, PoissonNoise
from invprob_basics.priors import Gaussian, Sphere
from invprob_basics.speckle import SpeckleNoise

NOISES = [
    GaussianNoise(0.1),
    PoissonNoise(0.02),
]
NOWHERE = Identity((3, 4, 4))


@pytest.mark.parametrize("noise", NOISES)
def test_the_noise_that_simulates_is_the_one_that_scores(noise):
    clean = torch.rand(1, 20000, generator=seeds.stream(1)) * 0.8 + 0.2
    y = noise.sample(clean[0], seeds.stream(2))[None]
    assert float((y - clean).mean()) == pytest.approx(0, abs=5e-3)
    assert float(noise.chi2(y, clean)) == pytest.approx(1, abs=0.05)
    # the truth is likelier than a shifted one
    assert noise.log_prob(y, clean) > noise.log_prob(y, clean + 0.01)
    assert noise.log_prob(y, clean) > noise.log_prob(y, clean - 0.01)


@pytest.mark.parametrize("noise", NOISES)
def test_the_expected_score_at_the_truth_is_zero(noise):
    clean = torch.full((1, 50000), 0.5, requires_grad=True)
    y = noise.sample(clean.detach()[0], seeds.stream(3))[None]
    (gradient,) = torch.autograd.grad(noise.log_prob(y, clean).sum(), clean)
    spread = gradient.std() / math.sqrt(gradient.numel())
    assert abs(float(gradient.mean())) < 4 * float(spread)


def test_gaussian_log_probability_is_the_closed_form():
    noise = GaussianNoise(0.2)
    y, clean = torch.rand(3, 7), torch.rand(3, 7)
    law = torch.distributions.Normal(clean, 0.2)
    difference = noise.log_prob(y, clean) - law.log_prob(y).sum(1)
    assert torch.allclose(difference, difference[:1].expand(3), atol=1e-3)


def test_poisson_log_probability_is_the_closed_form_and_smooth_at_the_floor():
    noise = PoissonNoise(0.5)
    clean = torch.rand(3, 7) + 0.5
    y = torch.poisson(clean / 0.5) * 0.5
    law = torch.distributions.Poisson(clean / 0.5)
    difference = noise.log_prob(y, clean) - law.log_prob(y / 0.5).sum(1)
    count = y / 0.5
    constant = (torch.lgamma(count + 1) + count - torch.xlogy(count, count)).sum(1)
    assert torch.allclose(difference, constant, atol=1e-3)
    for dark in (-1.0, 0.0, 0.04999, 0.05001):
        x = torch.full((1, 1), dark, requires_grad=True)
        (slope,) = torch.autograd.grad(noise.log_prob(torch.ones(1, 1), x).sum(), x)
        assert torch.isfinite(slope).all()
        assert float(slope) > 0


@pytest.mark.parametrize("noise", [PoissonNoise(1e-4), SpeckleNoise(10_000)])
def test_differences_of_log_probability_are_those_of_double_precision(noise):
    clean = torch.rand(1, 20_000, generator=seeds.stream(6)) * 0.8 + 0.1
    y = clean * (1 + 1e-2 * torch.randn(clean.shape, generator=seeds.stream(7)))
    near = clean * (1 + 1e-3 * torch.randn(clean.shape, generator=seeds.stream(8)))
    single = noise.log_prob(y, near) - noise.log_prob(y, clean)
    double = noise.log_prob(y.double(), near.double()) - noise.log_prob(y.double(), clean.double())
    assert float(single) == pytest.approx(float(double), abs=0.01)


def test_no_noise_is_exact():
    clean = torch.rand(5)
    assert torch.equal(NoNoise().sample(clean, seeds.stream(4)), clean)


@pytest.mark.parametrize("t", [0.0, 0.1, 0.7, 1.0])
def test_the_gaussian_score_is_that_of_the_diffused_law(t):
    prior = Gaussian(mean=1.5, std=0.3)
    time = torch.full((4,), t)
    alpha, sigma = prior.schedule(time)
    assert torch.allclose(alpha**2 + sigma**2, torch.ones(4), atol=1e-6)
    x = torch.randn(4, 6, requires_grad=True)
    law = torch.distributions.Normal(1.5 * alpha[0], ((0.3 * alpha) ** 2 + sigma**2).sqrt()[0])
    (expected,) = torch.autograd.grad(law.log_prob(x).sum(), x)
    assert torch.allclose(prior.score(x.detach(), time), expected, atol=1e-4)


def test_the_gaussian_score_at_zero_is_the_gradient_of_its_log_density():
    prior = Gaussian()
    x = torch.randn(4, 6, requires_grad=True)
    (expected,) = torch.autograd.grad(prior.log_density(x).sum(), x)
    assert torch.allclose(prior.score(x.detach(), torch.zeros(4)), expected)
    assert torch.allclose(prior.smoothed(x.detach(), torch.zeros(4)), expected)


def test_the_gaussian_denoiser_is_the_posterior_mean():
    prior = Gaussian(mean=2.0, std=0.5)
    t = torch.full((3,), 0.3)
    alpha, sigma = prior.schedule(t)
    x = torch.randn(3, 5)
    gain = alpha * 0.25 / (alpha**2 * 0.25 + sigma**2)
    expected = 2.0 + gain[:, None] * (x - 2.0 * alpha[:, None])
    assert torch.allclose(prior.denoise(x, t), expected, atol=1e-4)


def test_the_gaussian_prox_is_optimal():
    prior = Gaussian(mean=1.0, std=2.0)
    x = torch.randn(3, 5)
    u = prior.prox(x, 0.7).requires_grad_()
    (gradient,) = torch.autograd.grad(prior.log_density(u).sum(), u)
    assert torch.allclose(x - u, -0.7 * gradient, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 8), (2, 5, 8), (2, 4, 3, 3)])
def test_the_sphere_has_the_radius_of_the_normal_law(shape):
    prior = Sphere()
    x = prior.prox(torch.randn(shape))
    axes = (1, 2, 3) if len(shape) == 4 else (-1,)
    size = math.prod(shape[1:]) if len(shape) == 4 else 8
    assert torch.allclose(x.square().sum(axes).sqrt(), torch.tensor(math.sqrt(size)), atol=1e-4)
    assert torch.allclose(prior.prox(x), x, atol=1e-5)
