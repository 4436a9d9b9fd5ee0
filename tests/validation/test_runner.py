"""Draws of the posterior pass, and what is wrong with other samples is said."""

import json

import pytest
import torch

from invprob import cli, seeds
from invprob.validation.calibration import check_calibration
from invprob.validation.reference_tasks import TASKS, posterior

CHAINS = 19
NAMES = [task.description for task in TASKS]
NORMAL, MODES, ATOMS = TASKS[:3]


def sampler(task, wide=1.0, shift=0.0, even=False, blind=False, chains=CHAINS):
    """Draws of the posterior, or what would be if this or that were right."""

    def draw(p):
        eye = torch.eye(task.distribution.means.shape[1], dtype=torch.float64)
        exact = posterior(task, p.y[::chains], eye)
        root = torch.linalg.cholesky(exact.covariance)
        std = exact.covariance.diagonal().sqrt()
        shares = torch.ones_like(exact.shares) if even else exact.shares
        codes = []
        for r in range(len(shares)):
            rng = seeds.stream("exact", r)
            for k in torch.multinomial(shares[r], chains, replacement=True, generator=rng):
                noise = torch.randn(len(eye), generator=rng, dtype=torch.float64)
                z = exact.centres[r, k] + wide * root @ noise + shift * std
                codes.append(task.distribution.sample(rng) if blind else z)
        return (0.5 + torch.stack(codes) @ task.map().T).reshape(-1, *task.shape)

    return draw


@pytest.mark.parametrize("task", TASKS, ids=NAMES)
def test_the_posterior_passes(task):
    report = check_calibration(sampler(task), task)
    assert report.failures == ()
    assert report.metrics["coverage 80%"] == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("chains", [2, 3, 7, 8])
def test_the_posterior_passes_with_any_number_of_chains(chains):
    """Ranks among few chains do not fall into equal bins."""
    report = check_calibration(sampler(NORMAL, chains=chains), NORMAL, 200, chains)
    assert report.failures == ()
    for nominal in (0.5, 0.8, 0.9):
        assert report.metrics[f"coverage {nominal:.0%}"] == pytest.approx(nominal, abs=0.05)


@pytest.mark.parametrize(
    ("task", "fault", "said"),
    [
        (NORMAL, {"wide": 1.3}, "times too wide in what the measurement sees"),
        (NORMAL, {"wide": 0.75}, "times too narrow in what the measurement does not see"),
        (NORMAL, {"shift": 0.4}, "means"),
        (NORMAL, {"blind": True}, "of the way towards the prior's"),
        (MODES, {"even": True}, "weights of modes are off"),
        (MODES, {"blind": True}, "towards the prior's"),
        (ATOMS, {"even": True}, "weights of modes are off"),
        (ATOMS, {"blind": True}, "weights of modes are off"),
        (TASKS[3], {"wide": 1.2}, "not those of a sample"),
        (TASKS[3], {"shift": 0.2}, "means are off by"),
        (TASKS[4], {"even": True}, "weights of modes are off"),
        (TASKS[5], {"blind": True}, "towards the prior's"),
    ],
)
def test_what_is_wrong_is_said(task, fault, said):
    failures = check_calibration(sampler(task, **fault), task).failures
    assert any(said in sentence for sentence in failures), failures


def test_a_declared_bias_is_allowed_for():
    assert check_calibration(sampler(NORMAL, wide=1.3), NORMAL, bias=0.4).failures == ()
    assert check_calibration(sampler(NORMAL, wide=1.6), NORMAL, bias=0.4).failures


def test_samples_that_are_no_numbers_are_told():
    def draw(p):
        return torch.full((len(p.y), *NORMAL.shape), torch.nan)

    assert check_calibration(draw, NORMAL).failures == ("some samples are not finite",)


@pytest.mark.parametrize("task", TASKS[:3], ids=NAMES[:3])
def test_the_known_posterior_is_that_of_many_draws_of_the_prior(task):
    """Mean and variance by weighting 200,000 draws of the prior with the likelihood."""
    y = task.problem(task.truths(3), 1).y
    rng = seeds.stream("prior draws")
    picks = torch.multinomial(task.distribution.weights, 200_000, replacement=True, generator=rng)
    noise = torch.randn(len(picks), 4, generator=rng, dtype=torch.float64)
    z = task.distribution.means[picks] + task.distribution.std * noise
    images = (0.5 + z @ task.map().T).reshape(-1, *task.shape)
    clean = task.operator()(images)
    exact = posterior(task, y, torch.eye(4, dtype=torch.float64))
    for r in range(3):
        weight = (-0.5 * ((y[r] - clean) / task.sigma).square().sum(1)).softmax(0)
        mean = weight @ z
        assert torch.allclose(mean, exact.mean[r], atol=0.05)
        assert torch.allclose(weight @ (z - mean) ** 2, exact.variance[r], rtol=0.1, atol=0.01)


def test_the_score_of_the_mixture_is_the_gradient_of_its_density():
    mixture = MODES.distribution
    u = torch.randn(5, 4, generator=seeds.stream("u"), dtype=torch.float64).requires_grad_()
    t = torch.full((5,), mixture.t_min, dtype=torch.float64)
    (slope,) = torch.autograd.grad(mixture.log_density(u).sum(), u)
    assert torch.allclose(mixture.score(u.detach(), t), slope, rtol=0.01, atol=0.01)


def test_the_command_says_why_a_point_estimate_is_not_validated(capsys):
    assert cli.call(["check", "csgm", "--posterior"]) == 0
    assert "point estimates" in capsys.readouterr().out
    assert cli.call(["check", "nobody", "--posterior"]) == 2


def test_the_command_validates(capsys):
    assert cli.call(["check", "dps:steps=3", "--posterior", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [h["task"] for h in found] == NAMES[3:]
    assert found[0]["settings"] == "dps:steps=3"
    assert found[0]["bias"] > 0
    assert found[0]["failures"]
