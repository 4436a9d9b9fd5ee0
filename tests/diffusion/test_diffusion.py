"""Samplers and likelihood of a score model, on laws whose score is exact."""

import math

import pytest
import torch

from invprob.diffusion import samplers, schedules, sde
from invprob.diffusion.likelihood import log_likelihood
from invprob.diffusion.params import SamplerParams
from invprob.diffusion.schedules import SCHEDULES
from invprob.prior import Score

SAMPLERS = [
    SamplerParams(predictor="euler", steps=200),
    SamplerParams(predictor="reverse", steps=200),
    SamplerParams(predictor="ancestral", steps=200),
    SamplerParams(predictor="ode", steps=100),
    SamplerParams(predictor="reverse", corrector="langevin", snr=0.1, steps=150),
    SamplerParams(predictor="ancestral", corrector="annealed", snr=0.2, steps=150),
    SamplerParams(predictor="none", corrector="annealed", snr=0.3, steps=150, corrections=3),
]


class Mixture(Score):
    """Σ wᵢ N(mᵢ, sᵢ²) per coordinate, diffused by a schedule; all in closed form."""

    t_min = 1e-3

    def __init__(self, schedule, weights=(1.0,), means=(0.7,), stds=(0.5,)):
        super().__init__()
        self._schedule = schedule
        self.weights, self.means, self.stds = map(torch.tensor, (weights, means, stds))

    def schedule(self, t):
        return self._schedule(t)

    def log_density(self, u, t):
        alpha, sigma = (v[:, None, None] for v in self.schedule(t))
        variance = (alpha * self.stds) ** 2 + sigma**2
        gap = (u[..., None] - alpha * self.means) ** 2
        parts = self.weights.log() - gap / (2 * variance) - 0.5 * (2 * math.pi * variance).log()
        return torch.logsumexp(parts, -1).sum(1)

    def score(self, u, t):
        keep = u.requires_grad
        with torch.enable_grad():
            leaf = u if keep else u.detach().requires_grad_()
            return torch.autograd.grad(self.log_density(leaf, t).sum(), leaf, create_graph=keep)[0]


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_equation_follows_from_the_schedule(name):
    """Euler steps of du = a u dt + g dw from u_0 have the moments α_t and σ_t² of the schedule."""
    prior = Mixture(SCHEDULES[name])
    grid = torch.linspace(1e-3, 1, 20001)
    a, g2 = sde.rates(prior, grid)
    alpha, sigma = prior.schedule(grid)
    mean, variance = alpha[0], sigma[0] ** 2
    for k in range(len(grid) - 1):
        h = grid[k + 1] - grid[k]
        mean, variance = mean + h * a[k] * mean, variance + h * (2 * a[k] * variance + g2[k])
    assert torch.allclose(mean, alpha[-1], rtol=5e-3, atol=1e-5)
    assert torch.allclose(variance, sigma[-1] ** 2, rtol=5e-3)


def test_the_rates_of_the_variance_preserving_equation_are_those_of_the_paper():
    t = torch.tensor([0.01, 0.5, 1.0])
    beta = 0.1 + 19.9 * t
    a, g2 = sde.rates(Mixture(schedules.vp), t)
    assert torch.allclose(a, -beta / 2, rtol=1e-4)
    assert torch.allclose(g2, beta, rtol=1e-3)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("params", SAMPLERS, ids=lambda p: f"{p.predictor}-{p.corrector}")
def test_samplers_end_in_the_law_of_the_data(name, params):
    """A mixture on each of 16 coordinates: weights, means and spreads of its modes."""
    if params.predictor == "none" and name == "sub-vp":
        pytest.skip("its least noise, σ² of the other, makes the published corrector stand still")
    prior = Mixture(SCHEDULES[name], (0.3, 0.7), (-2.0, 2.0), (0.6, 0.4))
    keys = range(250)
    u = samplers.reverse(prior, samplers.cold(prior, torch.zeros(1, 16), keys), keys, params)
    assert torch.isfinite(u).all()
    right = u > 0
    assert float(right.double().mean()) == pytest.approx(0.7, abs=0.05)
    assert float(u[right].mean()) == pytest.approx(2.0, abs=0.06)
    assert float(u[~right].mean()) == pytest.approx(-2.0, abs=0.1)
    assert float(u[right].std()) == pytest.approx(0.4, abs=0.06)
    assert float(u[~right].std()) == pytest.approx(0.6, abs=0.08)
    correlation = torch.corrcoef(u.T) - torch.eye(16)
    assert float(correlation.square().mean()) == pytest.approx(1 / 250, rel=0.5)


def test_a_row_does_not_depend_on_its_batch():
    prior = Mixture(schedules.vp)
    params = SamplerParams(predictor="reverse", corrector="langevin", steps=10)
    many = samplers.reverse(
        prior, samplers.cold(prior, torch.zeros(1, 3), range(5)), range(5), params
    )
    one = samplers.reverse(prior, samplers.cold(prior, torch.zeros(1, 3), [3]), [3], params)
    assert torch.allclose(many[3], one[0], atol=1e-5)


def test_a_hot_start_stays_near_what_it_started_from():
    prior = Mixture(schedules.vp, (0.5, 0.5), (-2.0, 2.0), (0.3, 0.3))
    u = torch.tensor([[1.5]]).repeat(200, 1)
    params = SamplerParams(steps=50)
    near = samplers.reverse(prior, samplers.hot(prior, u, 0.2, range(200)), range(200), params, 0.2)
    far = samplers.reverse(prior, samplers.hot(prior, u, 0.9, range(200)), range(200), params, 0.9)
    assert float((near > 0).double().mean()) > 0.9
    assert 0.3 < float((far > 0).double().mean()) < 0.75


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_likelihood_of_a_normal_law_is_exact(name):
    # centred, as the law at t = 1 is taken to be
    prior = Mixture(SCHEDULES[name], (1.0,), (0.0,), (0.5,))
    prior.t_min = 1e-5
    u = 0.5 * torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    law = torch.distributions.Normal(
        0.0, (0.5**2 + float(prior.schedule(torch.tensor([1e-5]))[1]) ** 2) ** 0.5
    )
    expected = law.log_prob(u).sum(1)
    found = log_likelihood(prior, u, range(6), steps=600)
    assert torch.allclose(found, expected, atol=0.03)
    guessed = log_likelihood(prior, u, range(6), steps=600, probes=1)
    assert torch.allclose(guessed, expected, atol=0.03)  # a diagonal Jacobian: signs are exact


def test_the_likelihood_of_a_mixture():
    prior = Mixture(schedules.vp, (0.3, 0.7), (-2.0, 2.0), (0.6, 0.4))
    prior.t_min = 1e-4
    u = torch.tensor([[-2.0], [0.0], [2.3]])
    expected = prior.log_density(u, torch.full((3,), 1e-4))
    assert torch.allclose(log_likelihood(prior, u, range(3), steps=400), expected, atol=0.03)


@pytest.mark.parametrize(
    "bad", [{"predictor": "none"}, {"predictor": "ode", "corrector": "langevin"}, {"steps": 0}]
)
def test_samplers_that_cannot_work_are_refused(bad):
    with pytest.raises(ValueError, match=r"sampler|flow|steps"):
        SamplerParams(**bad)
