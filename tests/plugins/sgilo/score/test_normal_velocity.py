"""The velocity of a normal distribution, against its dense formula."""

import pytest
import torch

from invprob import seeds, tree
from invprob.latents import stages
from invprob_sgilo.score.checkpoint import Size
from invprob_sgilo.score.normal_velocity import NormalVelocity
from invprob_sgilo.score.prior import LatentScore
from invprob_sgilo.stylegan2.generator import StyleGAN2

DIM, RANK, REST = 12, 3, 0.05


def normal(count):
    """Rows of a normal distribution of three wide directions, and its mean and covariance."""
    rng = seeds.stream("normal")
    basis = torch.linalg.qr(torch.randn(DIM, RANK, generator=rng, dtype=torch.float64))[0]
    widths = torch.tensor([3.0, 2.0, 1.5], dtype=torch.float64)
    mean = torch.randn(DIM, generator=rng, dtype=torch.float64)
    z = torch.randn(count, RANK, generator=rng, dtype=torch.float64)
    e = torch.randn(count, DIM, generator=rng, dtype=torch.float64)
    e = e - (e @ basis) @ basis.T
    covariance = (basis * widths**2) @ basis.T + REST * (torch.eye(DIM) - basis @ basis.T)
    return mean + (z * widths) @ basis.T + REST**0.5 * e, mean, covariance


@pytest.mark.parametrize("sigma", [0.01, 0.3, 0.9])
def test_it_is_that_of_the_fitted_distribution(sigma):
    x, mean, covariance = normal(200_000)
    v = NormalVelocity(DIM, RANK).double()
    v.fit(x)
    alpha = (1 - sigma**2) ** 0.5
    u = torch.randn(5, DIM, generator=seeds.stream("u"), dtype=torch.float64)
    score = -torch.linalg.solve(
        alpha**2 * covariance + sigma**2 * torch.eye(DIM), (u - alpha * mean).T
    ).T
    noise = -sigma * score
    expected = alpha * noise - sigma * (u - sigma * noise) / alpha
    one = torch.ones(5, 1, dtype=torch.float64)
    found = v(u, torch.zeros_like(u), alpha * one, sigma * one)
    assert torch.allclose(found, expected, rtol=0.02, atol=0.02 * float(expected.abs().max()))


def test_at_first_it_is_that_of_the_standard_normal():
    u, one = torch.randn(3, DIM), torch.ones(3, 1)
    v = NormalVelocity(DIM, RANK)
    assert float(v(u, torch.zeros_like(u), 0.8 * one, 0.6 * one).abs().max()) == 0
    assert torch.allclose(v(u, u, 0.8 * one, 0.6 * one), 0.6 * u, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 0.9])
def test_an_error_of_the_network_moves_samples_by_one_part_of_their_spread(sigma):
    x, mean, _ = normal(200_000)
    v = NormalVelocity(DIM, RANK).double()
    v.fit(x)
    alpha = (1 - sigma**2) ** 0.5
    one = torch.ones(1, 1, dtype=torch.float64)
    rest = torch.linalg.qr(torch.cat([v.basis, torch.eye(DIM)], 1)).Q[:, RANK]
    for i, direction in enumerate([*v.basis.T, rest]):
        variance = v.variances[i] if i < RANK else v.variance_beyond[0]
        spread = float((alpha**2 * variance + sigma**2).sqrt())

        def score(part, wrong, direction=direction, spread=spread):
            """Along the direction, at so many spreads from the mean."""
            u = alpha * mean + part * spread * direction
            found = v(u[None], wrong * direction[None], alpha * one, sigma * one)
            return float((-u - alpha / sigma * found[0]) @ direction)

        # the middle of the distribution is where nothing pulls
        assert score(0.0, 0.0) == pytest.approx(0.0, abs=0.02 / spread)
        assert score(-0.1 * alpha, 0.1) == pytest.approx(0.0, abs=0.02 / spread)
        assert score(1.0, 0.0) == pytest.approx(-1 / spread, rel=0.03)


def test_fewer_latents_than_directions():
    v = NormalVelocity(DIM, RANK)
    v.fit(torch.randn(2, DIM))
    assert all(bool(value.isfinite().all()) for value in v.state_dict().values())
    assert float(v.basis[:, 1:].abs().max()) == 0


def test_noise_across_the_surface_of_latents_is_taken_away_before_training(weights_file):
    """Codes w that are all equal lie on a surface: a code that strays alone is brought back."""
    G = StyleGAN2.pretrained(weights_file)
    x = stages.draws(G, 1, range(512), "fit")
    plain, better = (LatentScore(x, Size(16, 1, 2, rank=rank)) for rank in (0, 256))
    kept = []
    for prior in (plain, better):
        prior.fit_normalisation(x)
        one = prior.normalise(tree.map(lambda leaf: leaf[:1], x))
        kick = torch.zeros_like(one.w)
        kick[:, 3] = 1.0
        t = torch.tensor([0.1])
        with torch.no_grad():
            strayed = prior.denoise(type(one)(w=one.w + kick, noise=one.noise), t).w
            kept.append(float(((strayed - prior.denoise(one, t).w) * kick).sum() / kick.sum()))
    assert kept[0] > 0.8
    assert kept[1] < 0.4


def test_each_leaf_has_directions_of_its_own(weights_file):
    """Beside the features, the image so far has few numbers, and would get none of them."""
    G = StyleGAN2.pretrained(weights_file)
    x = stages.draws(G, 3, range(256), "fit")
    prior = LatentScore(x, Size(16, 1, 2, rank=8))
    prior.fit_normalisation(x)
    u = dict(tree.items(prior.normalise(x)))
    assert list(prior.normal) == prior.learned == ["w", "h", "rgb"]
    for name, normal in prior.normal.items():
        widest = torch.linalg.eigvalsh(u[name].flatten(1).T.cov())[-1]
        assert float(normal.variances[0]) == pytest.approx(float(widest), rel=0.01)
