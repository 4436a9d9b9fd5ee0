"""DPS on laws of images whose posterior is known."""

import pytest
import torch
from torch import Tensor

from invprob import seeds
from invprob.diffusion.schedules import vp
from invprob.errors import BadParams, Incompatible
from invprob.generator import Identity
from invprob.operator import LinearOperator
from invprob.prior import Denoiser
from invprob.solver import Problem
from invprob_basics.noise import GaussianNoise, NoNoise, PoissonNoise
from invprob_dps.solver import DPS, precision, reverse, visited
from tests.plugins.closed_form import Grey, Linear, last

SHAPE = (1, 8, 8)
SEEN = 32
MEAN, SPREAD = 0.2, 0.3
"""Of u_0 in every pixel."""


class Half(LinearOperator):
    """Sees the upper half."""

    in_shape, out_shape = SHAPE, (SEEN,)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :SEEN]


class Curved(Half):
    """Is not linear."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + super().forward(x) ** 2 / 2


def problem(A=None, chains=400, noise=None):
    A = A or Half()
    A.noise = noise or GaussianNoise(0.05)
    y = torch.linspace(0.4, 0.8, SEEN)[None]
    keys = tuple(seeds.chain_key(0, y[0], s) for s in range(chains))
    return Problem(y.expand(chains, -1), A, Identity(SHAPE), keys, {0: Grey(MEAN, SPREAD)})


def solved(p, **params):
    solver = DPS(**params)
    return solver.result(p, last(solver, p)[0]).image


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_without_guidance_it_samples_the_prior(eta):
    u = 2 * solved(problem(chains=2000), steps=200, zeta=0.0, eta=eta, clip=False) - 1
    assert abs(float(u.mean()) - MEAN) < 0.01
    assert abs(float(u.std()) - SPREAD) < 0.02


class Exploding(Denoiser[Tensor]):
    """Images in [0, 1] of one grey, whose signal stays whole: the noise grows to 0.5."""

    t_min = 1e-2

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(t), t / 2

    def denoise(self, u: Tensor, t: Tensor) -> Tensor:
        return u


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_a_prior_whose_signal_stays_whole_starts_around_grey(eta):
    p = problem(chains=100)
    p.priors[0] = Exploding()
    solver = DPS(steps=20, eta=eta, zeta=0.0)
    start = solver.init(p).u
    assert abs(float(start.mean()) - 0.5) < 0.02
    assert float(start.std()) == pytest.approx(0.5, rel=0.05)
    image = solver.result(p, last(solver, p)[0]).image
    assert 0 <= float(image.min()) < 0.01
    assert 0.99 < float(image.max()) <= 1


def test_one_reverse_step_of_eta_1_is_the_ancestral_step():
    """Against the moments of p(u_s | u_t, u_0) (Ho et al., 2020, eq. 6 and 7)."""
    prior, t, to = Grey(MEAN, SPREAD), torch.tensor([0.6]), torch.tensor([0.5])
    u, clean = torch.randn(1, *SHAPE), torch.randn(1, *SHAPE)
    (a, s), (b, r) = vp(t), vp(to)
    ratio, fresh = a / b, s**2 - (a / b) ** 2 * r**2
    mean = ratio * r**2 / s**2 * u + b * fresh / s**2 * clean
    std = (fresh * r**2 / s**2).sqrt()
    zero, one = torch.zeros_like(u), torch.ones_like(u)
    assert torch.allclose(reverse(prior, u, clean, t, to, 1.0, zero), mean, atol=1e-5)
    moved = reverse(prior, u, clean, t, to, 1.0, one)
    assert torch.allclose(moved - mean, std * one, atol=1e-5)


def test_the_bias_on_a_normal_law_is_the_declared_one():
    """docs/explanation/dps.md: means are right, what is seen is too uncertain. A posterior of u has
    the precision 1/SPREAD² + (½/0.05)² where it is seen."""
    image = solved(problem(), steps=1000).flatten(1)
    seen, unseen = image[:, :SEEN], image[:, SEEN:]
    prior = (1 + MEAN) / 2
    gain = 100 / (100 + 1 / SPREAD**2)
    exact = prior + gain * (torch.linspace(0.4, 0.8, SEEN) - prior)
    std = (100 + 1 / SPREAD**2) ** -0.5 / 2
    assert float((seen.mean(0) - exact).square().mean().sqrt()) < 0.02
    assert 1.5 < float(seen.std(0).mean()) / std < 2.5
    # what was not seen keeps the law of the prior
    assert abs(float(unseen.mean()) - prior) < 0.01
    assert abs(float(unseen.std()) - SPREAD / 2) < 0.01


def test_the_rules_differ_by_a_factor_of_two():
    paper = solved(problem(chains=3), steps=20, rule="squared", zeta=0.4)
    code = solved(problem(chains=3), steps=20, rule="norm", zeta=0.8)
    assert torch.allclose(paper, code, atol=1e-6)


def test_a_nonlinear_operator_is_followed():
    p = problem(Curved(), chains=50)
    image = solved(p, steps=300, zeta=1.0)
    assert float((p.operator(image).mean(0) - p.y[0]).abs().mean()) < 0.03


def test_poisson_weights_are_those_of_the_paper():
    A = Half()
    A.noise = PoissonNoise(0.01)
    y = torch.tensor([[0.2, 0.4, 0.8]])
    weight = precision(A, y)
    assert torch.allclose(weight * y, (weight * y).mean().expand_as(y), atol=1e-5)
    assert float(weight.mean()) == pytest.approx(1)
    p = problem(noise=A.noise, chains=50)
    assert float((p.operator(solved(p, steps=200)).mean(0) - p.y[0]).abs().mean()) < 0.02


@pytest.mark.parametrize("noise", [GaussianNoise(0.1), NoNoise()])
def test_even_noise_weighs_nothing(noise):
    A = Half()
    A.noise = noise
    assert torch.allclose(precision(A, torch.rand(2, 3)), torch.ones(2, 3))


@pytest.mark.parametrize("spacing", ["trailing", "leading", "linspace"])
def test_every_grid_falls_and_has_its_length(spacing):
    assert visited(1 / 1000, 1, spacing) == [1.0]
    assert len(visited(1 / 1000, 61, spacing)) == 61
    times = visited(1 / 1000, 50, spacing)
    assert len(times) == 50
    assert times == sorted(times, reverse=True)
    assert times[-1] >= 1 / 1000
    if spacing != "leading":
        assert times[0] == 1.0


def test_impossible_choices_are_refused():
    with pytest.raises(BadParams, match=r"^20 steps of a model that knows 10"):
        visited(1 / 10, 20, "trailing")
    with pytest.raises(Incompatible, match="without a generator"):
        DPS().validate(Linear(4))
