"""A diffusion model as a generator, and descent on it."""

from dataclasses import replace

import pytest
import torch

from invprob import seeds
from invprob.errors import BadInput, Incompatible
from invprob.generator import Identity
from invprob.solver import Problem
from invprob_basics import GaussianNoise
from invprob_basics import Identity as Direct
from invprob_basics.priors import Gaussian
from invprob_csgm import CSGM
from invprob_dps import DDIM, DMILO, DMPlug
from invprob_ilo import ILO, L1Ball
from tests.plugins.closed_form import Grey, last, problem

SHAPE = (1, 4, 4)
MEAN, SPREAD, SIGMA = 0.2, 0.3, 0.02
"""Of u_0 in every pixel; and the noise."""


def model() -> Grey:
    prior = Grey(MEAN, SPREAD)
    prior.image_shape = SHAPE
    prior.register_buffer("like", torch.zeros(1))
    return prior


def measured(G, rows=2, chains=1):
    A = Direct(image_shape=SHAPE).with_noise(GaussianNoise(SIGMA))
    truth = G(torch.cat([G.sample(1, seeds.stream("truth", r)) for r in range(rows)]))
    y = A.measure(truth, [seeds.stream("noise", r) for r in range(rows)])
    priors = dict.fromkeys(range(G.depth), Gaussian())
    return Problem.create(y, A, G, priors, num_samples=chains), truth


def test_many_steps_give_the_distribution_of_the_model():
    G = DDIM(model(), steps=50)
    image = G(G.sample(1000, seeds.stream("ddim")))
    assert float(image.mean()) == pytest.approx((MEAN + 1) / 2, abs=0.01)
    assert float(image.std()) == pytest.approx(SPREAD / 2, rel=0.12)


def test_one_step_is_the_denoiser_at_the_greatest_level():
    prior = model()
    z = torch.randn(2, *SHAPE, generator=seeds.stream("z"))
    expected = prior.restore(prior.denoise(z, torch.ones(2)))
    assert torch.allclose(DDIM(prior, steps=1)(z), expected)


def test_gradients_are_the_same_whether_stages_are_computed_again_or_kept():
    found = []
    for recompute in (True, False):
        G = DDIM(model(), recompute=recompute)
        z = G.sample(2, seeds.stream("z")).requires_grad_()
        found.append(torch.autograd.grad(G(z).square().sum(), z)[0])
    assert torch.equal(*found)


def test_a_model_without_a_size_is_refused():
    with pytest.raises(BadInput, match="does not know the shape"):
        DDIM(Grey())


@pytest.mark.parametrize(
    "solver",
    [
        CSGM(steps=60),
        ILO(stages=(0, 1), steps=(30, 30)),
        DMPlug(steps=60, patience=0),
        DMILO(rounds=2, steps=30),
    ],
    ids=lambda solver: type(solver).__name__,
)
def test_every_latent_solver_runs_on_a_diffusion_model(solver):
    p, truth = measured(DDIM(model(), steps=2, recompute=False))
    if isinstance(solver, ILO):
        p = replace(p, priors={k: L1Ball(2.0) for k in range(2)})
    image = solver.result(p, last(solver, p)[0]).image
    assert float((image - truth).square().mean().sqrt()) < 2 * SIGMA


def test_dmplug_ends_where_its_images_are_steadiest():
    p, _ = measured(DDIM(model(), steps=2, recompute=False))
    solver = DMPlug(steps=1000, patience=20)
    steps = list(solver.run(p))
    assert 30 < len(steps) < 500
    steadiest = p.operator.chi2(p.y, steps[-1].state.image)
    assert bool((steadiest < 2).all())
    assert bool((steadiest > 3 * steps[-1].info.metrics["chi2"]).all()), "it has fitted the noise"


def test_dmplug_rests_at_the_noise_level():
    p, _ = measured(DDIM(model(), steps=2, recompute=False))
    solver = DMPlug(steps=100, patience=0, fitted=1.0)
    image = solver.result(p, last(solver, p)[0]).image
    chi2 = p.operator.chi2(p.y, image)
    assert bool(((chi2 > 0.5) & (chi2 <= 1)).all())


def test_the_deviation_of_dmilo_is_what_the_generator_cannot_make():
    """A linear generator of 12 pixels from 4 numbers, all pixels seen, one of them far off."""
    p, truth = problem(dim=4, measured=12, sigma=0.02)
    y = p.y.clone()
    y[0, 3] += 0.5
    solver = DMILO(rounds=2, steps=80, weight=4.0)
    state = last(solver, replace(p, y=y))[0]
    nu = state.deviations[-1].flatten()
    assert float(nu[3]) == pytest.approx(0.5, abs=0.15)
    others = torch.cat([nu[:3], nu[4:]])
    assert float(others.abs().max()) < 0.05
    assert float((state.image - nu.reshape(truth.shape) - truth).abs().max()) < 0.06


def test_dmilo_needs_a_generator():
    with pytest.raises(Incompatible, match="last stage"):
        DMILO().validate(Identity(SHAPE))
