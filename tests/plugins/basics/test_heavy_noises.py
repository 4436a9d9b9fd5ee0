"""Noises are drawn from the density that they score: integrals, histograms, closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from invprob import seeds
from invprob.errors import BadInput, BadParams
from invprob_basics import (
    LaplaceNoise,
    PoissonGaussianNoise,
    PoissonNoise,
    SaltPepperNoise,
    SpeckleNoise,
    StudentTNoise,
)

NOISES = [
    LaplaceNoise(0.1),
    StudentTNoise(sigma=0.1, df=3.5),
    SaltPepperNoise(part=0.2, sigma=0.05),
    SpeckleNoise(looks=1),
    SpeckleNoise(looks=7),
    PoissonGaussianNoise(gain=0.05, sigma=0.02),  # the peaks of single photons are apart
    PoissonGaussianNoise(gain=0.2, sigma=0.15),
    PoissonGaussianNoise(gain=1e-4, sigma=0.003),  # thousands of photons
]
names = [f"{type(n).__name__}-{i}" for i, n in enumerate(NOISES)]
CLEAN = 0.4


def density(noise, y, clean=CLEAN):
    """exp log_prob at many y, up to a constant."""
    y = torch.as_tensor(y, dtype=torch.float64).reshape(-1, 1)
    return noise.log_prob(y, torch.full_like(y, clean)).exp()


def grid(noise):
    far = 25 * float(noise.scale(torch.tensor([CLEAN])))
    low = 1e-9 if isinstance(noise, SpeckleNoise) else CLEAN - far - 0.1
    return torch.linspace(low, CLEAN + far + 0.15, 200_001, dtype=torch.float64)


def left_out(noise, y):
    """The factor of the density of y that does not depend on clean, up to a constant."""
    looks = noise.params.looks
    return y ** (looks - 1) * y.clamp_min(noise.floor) ** -looks


def distribution(noise, clean=CLEAN):
    """y and the distribution function there, by the trapezoidal rule."""
    y = grid(noise)
    base = left_out(noise, y) if isinstance(noise, SpeckleNoise) else 1
    total = torch.cumulative_trapezoid(density(noise, y, clean) * base, y)
    return y[1:], total


@pytest.mark.parametrize("noise", NOISES, ids=names)
def test_the_factor_left_out_does_not_depend_on_clean(noise):
    masses = [float(distribution(noise, c)[1][-1]) for c in (0.3, 0.4, 0.55)]
    rel = 0.003 if isinstance(noise, StudentTNoise) else 2e-4  # its tails reach beyond the grid
    assert masses == pytest.approx([masses[0]] * 3, rel=rel)


@pytest.mark.parametrize("noise", NOISES, ids=names)
def test_draws_have_the_distribution_of_the_density(noise):
    draws = noise.sample(torch.full((20_000,), CLEAN).double(), seeds.stream("ks"))
    y, total = distribution(noise)
    level = (total / total[-1]).numpy()
    found = stats.kstest(draws.numpy(), lambda v: np.interp(v, y.numpy(), level))
    assert found.pvalue > 0.01


@pytest.mark.parametrize("noise", NOISES, ids=names)
def test_chi2_and_scale_are_those_of_draws(noise):
    clean = torch.full((1, 50_000), CLEAN).double()
    y = noise.sample(clean[0], seeds.stream("chi2"))[None]
    spread = float((y - clean).std())
    assert float(noise.scale(y).square().mean().sqrt()) == pytest.approx(spread, rel=0.12)


def test_laplace_and_student_are_the_closed_forms():
    y, clean = torch.rand(5, 1).double(), torch.rand(5, 1).double()
    for noise, expected in (
        (LaplaceNoise(0.2), stats.laplace(clean, 0.2 / math.sqrt(2))),
        (
            StudentTNoise(sigma=0.2, df=4.0),
            stats.t(4.0, clean, 0.2 / math.sqrt(2)),
        ),
    ):
        gap = noise.log_prob(y, clean) - torch.from_numpy(expected.logpdf(y))[:, 0]
        assert torch.allclose(gap, gap[:1].expand(5), atol=1e-12)
        assert float(expected.std().flat[0]) == pytest.approx(0.2)


@pytest.mark.parametrize("looks", [1, 3, 16])
def test_speckle_is_a_gamma_distribution(looks):
    y, clean = torch.rand(5, 1).double(), 0.1 + torch.rand(5, 1).double()
    expected = torch.from_numpy(stats.gamma(looks, scale=clean / looks).logpdf(y))[:, 0]
    noise = SpeckleNoise(looks)
    gap = noise.log_prob(y, clean) - expected + left_out(noise, y).log()[:, 0]
    assert torch.allclose(gap, gap[:1].expand(5), atol=1e-10)


@pytest.mark.parametrize(("gain", "sigma"), [(0.1, 0.02), (0.01, 0.05), (1e-3, 0.01), (1e-5, 1e-3)])
def test_the_sum_over_photons_is_that_over_all_of_them(gain, sigma):
    noise = PoissonGaussianNoise(gain=gain, sigma=sigma)
    y = torch.tensor([-0.01, 0.0, 0.3, 0.31, 0.9])[:, None].double()
    for value in (0.12, 0.3, 0.95):
        clean = torch.full_like(y, max(value, gain))
        n = torch.arange(0, int(3 / gain), dtype=torch.float64)
        r = clean / gain
        terms = n * r.log() - r - torch.lgamma(n + 1) - ((y - gain * n) / sigma).square() / 2
        expected = torch.logsumexp(terms, 1)
        found = noise.log_prob(y, clean)
        assert torch.allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_without_read_noise_photons_are_those_of_poisson():
    many = PoissonGaussianNoise(gain=0.1, sigma=1e-3)
    y = torch.tensor([[0.0], [0.2], [1.5]]).double()
    for a, b in ((0.3, 0.7), (0.002, 0.4), (-0.3, 0.2)):
        one, other = (torch.full_like(y, v) for v in (a, b))
        ratios = [n.log_prob(y, one) - n.log_prob(y, other) for n in (many, PoissonNoise(0.1))]
        assert torch.allclose(*ratios, atol=1e-6)


@pytest.mark.parametrize("noise", NOISES, ids=names)
@pytest.mark.parametrize("dark", [-1.0, -0.01, 0.0, 0.004999, 0.005001, 0.3])
def test_the_slope_is_finite_and_leads_back_from_the_dark(noise, dark):
    y = torch.full((1, 1), 0.45)
    x = torch.full((1, 1), dark, requires_grad=True)
    (slope,) = torch.autograd.grad(noise.log_prob(y, x).sum(), x)
    assert bool(torch.isfinite(slope).all())
    assert float(slope) >= 0


def test_negative_intensities_are_refused_in_a_sentence():
    with pytest.raises(BadInput, match="intensities with speckle") as caught:
        SpeckleNoise().validate(torch.tensor([-0.1, 1.0]))
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (LaplaceNoise, {"sigma": 0}),
        (StudentTNoise, {"df": 2}),
        (SaltPepperNoise, {"part": 1.0}),
        (SpeckleNoise, {"looks": 0}),
        (PoissonGaussianNoise, {"gain": -1}),
    ],
)
def test_values_out_of_range_are_refused(make, values):
    with pytest.raises(BadParams):
        make(**values)


def test_the_density_of_salt_and_pepper_integrates_to_a_constant():
    noise = SaltPepperNoise(part=0.3, sigma=0.04)

    def mass(clean):
        return integrate.quad(
            lambda v: float(density(noise, v, clean)), -0.5, 1.5, points=[0, clean, 1], limit=200
        )[0]

    assert mass(0.2) == pytest.approx(mass(0.7), rel=1e-6)
    assert mass(0.2) == pytest.approx(0.04 * math.sqrt(2 * math.pi), rel=1e-6)
