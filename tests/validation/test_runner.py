"""The judges take draws of the posterior for what they are, and say what is wrong with others."""

import json

import pytest
import torch

from invprob import cli, seeds
from invprob.validation.calibration import judge
from invprob.validation.reference_tasks import WORLDS, posterior

CHAINS = 19
NAMES = [world.what for world in WORLDS]
NORMAL, MODES, ATOMS = WORLDS[:3]


def sampler(world, wide=1.0, shift=0.0, even=False, blind=False):
    """Draws of the posterior, or what would be if this or that were right."""

    def draw(p):
        eye = torch.eye(world.law.means.shape[1], dtype=torch.float64)
        exact = posterior(world, p.y[::CHAINS], eye)
        root = torch.linalg.cholesky(exact.covariance)
        std = exact.covariance.diagonal().sqrt()
        shares = torch.ones_like(exact.shares) if even else exact.shares
        codes = []
        for r in range(len(shares)):
            rng = seeds.stream("exact", r)
            for k in torch.multinomial(shares[r], CHAINS, replacement=True, generator=rng):
                noise = torch.randn(len(eye), generator=rng, dtype=torch.float64)
                z = exact.centres[r, k] + wide * root @ noise + shift * std
                codes.append(world.law.sample(rng) if blind else z)
        return (0.5 + torch.stack(codes) @ world.map().T).reshape(-1, *world.shape)

    return draw


@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_the_posterior_passes(world):
    verdict = judge(sampler(world), world)
    assert verdict.wrong == ()
    assert verdict.figures["coverage 80%"] == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    ("world", "fault", "said"),
    [
        (NORMAL, {"wide": 1.3}, "times too wide in what the measurement sees"),
        (NORMAL, {"wide": 0.75}, "times too narrow in what the measurement does not see"),
        (NORMAL, {"shift": 0.4}, "means"),
        (NORMAL, {"blind": True}, "of the way towards the prior's"),
        (MODES, {"even": True}, "weights of modes are off"),
        (MODES, {"blind": True}, "towards the prior's"),
        (ATOMS, {"even": True}, "weights of modes are off"),
        (ATOMS, {"blind": True}, "weights of modes are off"),
        (WORLDS[3], {"wide": 1.2}, "not those of a sample"),
        (WORLDS[3], {"shift": 0.2}, "means are off by"),
        (WORLDS[4], {"even": True}, "weights of modes are off"),
        (WORLDS[5], {"blind": True}, "towards the prior's"),
    ],
)
def test_what_is_wrong_is_said(world, fault, said):
    wrong = judge(sampler(world, **fault), world).wrong
    assert any(said in sentence for sentence in wrong), wrong


def test_a_declared_bias_is_allowed_for():
    assert judge(sampler(NORMAL, wide=1.3), NORMAL, bias=0.4).wrong == ()
    assert judge(sampler(NORMAL, wide=1.6), NORMAL, bias=0.4).wrong


def test_samples_that_are_no_numbers_are_told():
    def draw(p):
        return torch.full((len(p.y), *NORMAL.shape), torch.nan)

    assert judge(draw, NORMAL).wrong == ("some samples are not finite",)


@pytest.mark.parametrize("world", WORLDS[:3], ids=NAMES[:3])
def test_the_known_posterior_is_that_of_many_draws_of_the_prior(world):
    """Mean and variance by weighting 200,000 draws of the prior with the likelihood."""
    y = world.problem(world.truths(3), 1).y
    rng = seeds.stream("prior draws")
    picks = torch.multinomial(world.law.weights, 200_000, replacement=True, generator=rng)
    noise = torch.randn(len(picks), 4, generator=rng, dtype=torch.float64)
    z = world.law.means[picks] + world.law.std * noise
    images = (0.5 + z @ world.map().T).reshape(-1, *world.shape)
    clean = world.operator()(images)
    exact = posterior(world, y, torch.eye(4, dtype=torch.float64))
    for r in range(3):
        weight = (-0.5 * ((y[r] - clean) / world.sigma).square().sum(1)).softmax(0)
        mean = weight @ z
        assert torch.allclose(mean, exact.mean[r], atol=0.05)
        assert torch.allclose(weight @ (z - mean) ** 2, exact.variance[r], rtol=0.1, atol=0.01)


def test_the_score_of_the_mixture_is_the_gradient_of_its_density():
    law = MODES.law
    u = torch.randn(5, 4, generator=seeds.stream("u"), dtype=torch.float64).requires_grad_()
    t = torch.full((5,), law.t_min, dtype=torch.float64)
    (slope,) = torch.autograd.grad(law.log_density(u).sum(), u)
    assert torch.allclose(law.score(u.detach(), t), slope, rtol=0.01, atol=0.01)


def test_the_command_says_why_a_point_estimate_is_not_judged(capsys):
    assert cli.call(["check", "csgm", "--posterior"]) == 0
    assert "point estimates" in capsys.readouterr().out
    assert cli.call(["check", "nobody", "--posterior"]) == 2


def test_the_command_judges(capsys):
    assert cli.call(["check", "dps:steps=3", "--posterior", "--json"]) == 1
    heard = json.loads(capsys.readouterr().out)
    assert [h["world"] for h in heard] == NAMES[3:]
    assert heard[0]["settings"] == "dps:steps=3"
    assert heard[0]["bias"] > 0
    assert heard[0]["wrong"]
