"""What pictures have beyond the images of latents, against matrices and a known posterior."""

from dataclasses import replace

import pytest
import torch

from invprob import seeds
from invprob.gaussian import conditioning
from invprob.gaussian.factors import Factors
from invprob_basics.laplace import LaplaceNoise
from invprob_basics.noise import GaussianNoise
from invprob_basics.priors import Gaussian
from invprob_sgilo.solvers.marginal import MarginalNoise, Marginals, drawn, expected
from invprob_sgilo.solvers.sgilo import SGILO
from tests.plugins.closed_form import last, problem

SIGMA = 0.1
SHAPE, N = (1, 3, 4), 12
EXACT = {"t_end": 1e-4, "stages": (1,), "fisher_probes": 16}


@pytest.fixture
def error():
    rows = torch.linalg.qr(torch.randn(N, 3, generator=seeds.stream("rows"))).Q.T
    mean = 0.1 * torch.randn(SHAPE, generator=seeds.stream("mean"))
    excess = torch.tensor([0.2, 0.05, 0.01])
    return Factors(mean, rows.reshape(3, *SHAPE), excess, torch.tensor(0.02))


def covariance_of(error):
    rows = error.components.flatten(1)
    return rows.T @ torch.diag(error.excess) @ rows + error.rest * torch.eye(N)


class Knowing(Gaussian):
    """A standard normal prior that knows what pictures have beyond."""

    def __init__(self, error):
        super().__init__()
        self.representation_error = error


def knowing(error, **sizes):
    """The problem, M of y = M x, and what y is less of at u = 0."""
    p, _ = problem(dim=4, sigma=SIGMA, **sizes)
    p = replace(p, priors={1: Knowing(error)})
    measured = p.operator.out_shape[0]
    return p, torch.eye(N)[:measured]


def joint(p, M, error):
    """Mean and covariance of the picture given the first row of y."""
    G = p.generator.matrix
    whole = G @ G.T + covariance_of(error)
    gain = whole @ M.T @ torch.linalg.inv(M @ whole @ M.T + SIGMA**2 * torch.eye(len(M)))
    mean = 0.5 + error.mean.flatten()
    return mean + gain @ (p.y[0] - M @ mean), whole - gain @ M @ whole


def test_the_likelihood_is_that_of_the_marginal(error):
    p, M = knowing(error, rows=3)
    noise = MarginalNoise(conditioning.condition(error, p.operator, SIGMA))
    clean = torch.randn(p.y.shape, generator=seeds.stream("clean")).requires_grad_()
    covariance = M @ covariance_of(error) @ M.T + SIGMA**2 * torch.eye(len(M))
    law = torch.distributions.MultivariateNormal(clean + M @ error.mean.flatten(), covariance)
    found, wanted = noise.log_prob(p.y, clean), law.log_prob(p.y)
    torch.testing.assert_close(found - found[0], wanted - wanted[0], rtol=1e-4, atol=1e-3)
    slopes = [torch.autograd.grad(value.sum(), clean)[0] for value in (found, wanted)]
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(noise.chi2(p.y, clean), -2 * found / len(M))
    rng = torch.Generator().manual_seed(0)
    drawn = torch.stack([noise.sample(torch.zeros(len(M)), rng) for _ in range(4000)])
    assert float((drawn.mean(0) - M @ error.mean.flatten()).abs().max()) < 0.04
    assert float((torch.cov(drawn.T) - covariance).norm() / covariance.norm()) < 0.1
    scale = covariance.diagonal().sqrt().expand_as(p.y)
    torch.testing.assert_close(noise.scale(p.y), scale, rtol=0.3, atol=0)


@pytest.mark.parametrize("dynamics", ["kinetic", "overdamped"])
def test_pictures_have_the_posterior_of_both_parts(error, dynamics):
    p, M = knowing(error, chains=512)
    mean, covariance = joint(p, M, error)
    solver = SGILO(**EXACT, steps=(300,), anneal=0.1, dynamics=dynamics, metropolis="density")
    seen = list(solver.run(p))
    state, info = seen[-1]
    pictures = [now.image.flatten(1) for _, now in seen if now.draw]
    late = torch.stack(pictures[len(pictures) // 4 :])
    chains = late.mean(0)
    deviation = (chains.mean(0) - mean) / (chains.std(0) / len(chains) ** 0.5)
    assert float(deviation.abs().max()) < 3.5
    assert float((torch.cov(late.flatten(0, 1).T) - covariance).norm() / covariance.norm()) < 0.05
    # without noise of its own, the mean of a chain is nearer to the posterior's
    found = solver.result(p, state)
    means = found.mean.flatten(1)
    torch.testing.assert_close(means.mean(0), mean, rtol=0, atol=0.02)
    total = found.var.flatten(1) + (means - mean).square()
    torch.testing.assert_close(total.mean(0), covariance.diagonal(), rtol=0.1, atol=1e-3)
    assert torch.equal(found.image, info.image)


def test_a_picture_explains_y_up_to_the_noise(error):
    p, _ = knowing(error, chains=256)
    images = p.generator(torch.zeros(256, 4), start=1)
    rngs = [seeds.stream("truth", row) for row in range(256)]
    truth = images + torch.stack([error.draw(rng) for rng in rngs])
    p = replace(p, y=p.operator.measure(truth, rngs))
    q = Marginals().of(p, p.priors[1])
    mean = expected(q, images)
    pictures = drawn(q, mean, 1)
    assert float(p.operator.chi2(p.y, pictures).mean()) == pytest.approx(1, abs=0.1)
    assert float(p.operator.chi2(p.y, images).mean()) > 3
    # as far from its mean as the truth is
    variance = q.operator.noise.variance
    for picture in (pictures, truth):
        found = (picture - mean).square().mean(0)
        torch.testing.assert_close(found, variance, rtol=0.4, atol=0)


def test_it_is_left_out_where_it_cannot_be_integrated(error):
    p, _ = knowing(error)
    found = Marginals()
    once = found.of(p, p.priors[1]).operator.noise
    assert isinstance(once, MarginalNoise)
    assert found.of(p, p.priors[1]).operator.noise is once
    other = replace(p, operator=p.operator.with_noise(GaussianNoise(0.2)))
    assert found.of(other, p.priors[1]).operator.noise.known.sigma == 0.2
    laplace = replace(p, operator=p.operator.with_noise(LaplaceNoise(0.1)))
    assert found.of(laplace, p.priors[1]) is laplace
    assert found.of(p, Gaussian()) is p
    small = {"steps": (40,), "fisher_probes": 4, "stages": (1,)}
    ends = [
        last(SGILO(**small, **given), replace(p, priors={1: prior}))[0].u
        for prior, given in (
            (p.priors[1], {"representation_error": False}),
            (Gaussian(), {}),
            (p.priors[1], {}),
        )
    ]
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_a_measurement_and_its_chains_go_alone_as_in_a_batch(error):
    p, _ = knowing(error, rows=3, chains=2)
    solver = SGILO(steps=(40,), fisher_probes=4, stages=(1,))
    together = last(solver, p)[1].image
    rows = slice(2, 4)
    alone = replace(p, y=p.y[rows], keys=p.keys[rows])
    torch.testing.assert_close(last(solver, alone)[1].image, together[rows], rtol=0, atol=1e-4)


def test_a_run_goes_on_with_the_same_bits(error):
    p, _ = knowing(error, chains=2)
    small = {"steps": (40,), "fisher_probes": 4, "stages": (1,)}
    whole = last(SGILO(**small), p)[1].image
    half = last(SGILO(**small), p, stop=30)[0]
    assert torch.equal(last(SGILO(**small), p, state=half)[1].image, whole)
