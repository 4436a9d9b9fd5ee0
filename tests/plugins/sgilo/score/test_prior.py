import pytest
import torch

from invprob import seeds, tree
from invprob.diffusion import samplers, schedules
from invprob.diffusion.params import SamplerParams
from invprob.diffusion.schedules import SCHEDULES
from invprob.errors import BadWeights
from invprob.latents import stages
from invprob.numerics import kinetic
from invprob_sgilo.score.checkpoint import Size, read_prior
from invprob_sgilo.score.prior import LatentScore, matching_loss
from invprob_sgilo.stylegan2.generator import StyleGAN2

SMALL = Size(width=16, depth=2, heads=2)


@pytest.fixture
def G(weights_file):
    return StyleGAN2.pretrained(weights_file)


def prior_of(G, stage, size=SMALL, random=True):
    x = stages.draws(G, stage, range(64), "fit")
    prior = LatentScore(x, size)
    prior.fit_normalisation(x)
    if random:
        rng = seeds.stream("net")
        for parameter in prior.net.parameters():
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=rng)
    return prior.eval(), tree.map(lambda leaf: leaf[:3], x)


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize("patch", [1, 2])
def test_the_score_is_a_tree_like_its_latent(G, stage, patch):
    prior, x = prior_of(G, stage, Size(16, 1, 2, patch))
    t = torch.tensor([0.1, 0.5, 0.9])
    s = prior.score(x, t)
    for (name, leaf), (_, other) in zip(tree.items(x), tree.items(s), strict=True):
        assert leaf.shape == other.shape, name
        assert torch.isfinite(other).all(), name
    one = prior.score(tree.map(lambda leaf: leaf[1:2], x), t[1:2])
    for a, b in zip(tree.leaves(s), tree.leaves(one), strict=True):
        assert torch.allclose(a[1:2], b, atol=1e-4)


@pytest.mark.parametrize("sde", SCHEDULES)
def test_before_training_it_is_the_score_of_the_normal_law(G, sde):
    prior, x = prior_of(G, 2, Size(16, 2, 2, sde=sde), random=False)
    for time in (0.01, 0.5):
        t = torch.full((3,), time)
        alpha, sigma = prior.schedule(t)
        u = prior.normalise(x)
        s = prior.score(u, t)
        for (name, leaf), (_, found) in zip(tree.items(u), tree.items(s), strict=True):
            assert torch.allclose(found, -leaf / (alpha**2 + sigma**2)[0], atol=1e-3), name


def test_the_smoothed_score_is_that_at_the_shrunk_latent(G):
    prior, x = prior_of(G, 3)
    t = torch.full((3,), 0.3)
    alpha, _ = schedules.vp(t)
    u = prior.normalise(x)
    shrunk = tree.map(lambda leaf: leaf * alpha[0], u)
    expected = tree.map(lambda leaf: leaf * alpha[0], prior.score(shrunk, t))
    for a, b in zip(tree.leaves(prior.smoothed(u, t)), tree.leaves(expected), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_normalisation_gives_unit_moments(G):
    x = stages.draws(G, 3, range(256), "fit")
    prior = LatentScore(x, SMALL)
    prior.fit_normalisation(x)
    u = prior.normalise(x)
    assert float(u.h.mean((0, 2, 3)).abs().max()) < 1e-4
    assert torch.allclose(u.h.std((0, 2, 3)), torch.ones(u.h.shape[1]), atol=1e-3)
    again = prior.restore(u)
    assert torch.allclose(again.w, x.w, atol=1e-4)


def test_training_learns_a_correlation(G):
    """On codes w that are all equal, the score pulls a code that strays back to the others."""
    x = stages.draws(G, 1, range(512), "fit")
    prior = LatentScore(x, Size(32, 2, 2))
    prior.fit_normalisation(x)
    learned = [p for p in prior.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(learned, lr=2e-3)
    losses = []
    for step in range(150):
        rng = seeds.stream("dsm", step)
        picks = torch.randint(0, 512, (64,), generator=rng)
        batch = tree.map(lambda leaf, p=picks: leaf[p], x)
        t = 1e-3 + 0.999 * torch.rand(64, generator=rng)
        noise = tree.map(lambda leaf, r=rng: torch.randn(leaf.shape, generator=r), batch)
        loss = matching_loss(prior, batch, t, noise).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-20:]) < 0.7 * sum(losses[:20])
    one = prior.normalise(tree.map(lambda leaf: leaf[:1], x))
    kick = torch.zeros_like(one.w)
    kick[:, 3] = 1.0
    with torch.no_grad():
        t = torch.tensor([0.3])
        strayed = prior.smoothed(type(one)(w=one.w + kick, noise=one.noise), t).w
        calm = prior.smoothed(one, t).w
    assert float(((strayed - calm) * kick).sum()) < 0


def test_priors_are_read_back_and_checked(G, tmp_path):
    prior, x = prior_of(G, 2)
    prior.half().float()
    prior.save(tmp_path / "p.safetensors", 2, {})
    again = LatentScore.pretrained(tmp_path / "p.safetensors", stage=2, generator=G)
    t = torch.full((3,), 0.2)
    for a, b in zip(tree.leaves(prior.score(x, t)), tree.leaves(again.score(x, t)), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    with pytest.raises(BadWeights, match="for stage 2, not 3"):
        LatentScore.pretrained(tmp_path / "p.safetensors", stage=3, generator=G)
    with pytest.raises(BadWeights, match="do not fit"):
        read_prior(
            tmp_path / "p.safetensors",
            lambda size: LatentScore(stages.draws(G, 3, [0], "x"), size),
            2,
        )


def test_a_missing_prior_says_how_to_train_one(weights_file):
    G = StyleGAN2.pretrained(weights_file)
    with pytest.raises(BadWeights) as caught:
        LatentScore.pretrained(stage=2, generator=G)
    assert "invprob train prior" in caught.value.hint


@pytest.mark.parametrize("name", ["faces64", "fruits64"])
def test_bundled_priors_of_style_codes_know_what_pictures_have_beyond_their_images(name):
    generator = StyleGAN2.pretrained(name)
    found = LatentScore.pretrained(name, stage=1, generator=generator).representation_error
    values = found.mean.numel()
    assert found.components.shape == (300, 3, 64, 64)
    spread = ((found.excess.sum() + values * found.rest) / values).sqrt()
    assert 0.03 < float(spread) < 0.06
    assert float(found.mean.abs().max()) < 0.1
    deeper = LatentScore.pretrained(name, stage=3, generator=generator)
    assert deeper.representation_error is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["faces64", "fruits64"])
@pytest.mark.parametrize("t", [0.1, 0.05])
def test_bundled_priors_of_style_codes_keep_their_distribution(name, t):
    """64 chains of the prior alone, from its own samples, over 100 units of time."""
    prior = LatentScore.pretrained(name, stage=1, generator=StyleGAN2.pretrained(name))
    like = stages.draws(StyleGAN2.pretrained(name), 1, range(64), "like")
    keys = range(64)
    with torch.no_grad():
        u = samplers.cold(prior, prior.normalise(like), keys)
        u = samplers.reverse(prior, u, keys, SamplerParams(predictor="ode", steps=40))
        u = samplers.hot(prior, u, t, keys)
        first = u.w.double().square().mean().sqrt()
        rows, h, one = samplers.rows(t, u), torch.full((64,), 0.1), tree.map(torch.ones_like, u)
        w = seeds.normal_like(u, keys, "velocity")
        slope = tree.map(torch.neg, prior.score(u, rows))
        for move in range(1000):
            w, _ = kinetic.kick(w, slope, one, h)
            noise = seeds.normal_like(u, keys, "noise", move)
            u, w = kinetic.drift(u, w, one, h, 0.5, noise)
            slope = tree.map(torch.neg, prior.score(u, rows))
            w, _ = kinetic.kick(w, slope, one, h)
    last = u.w.double().square().mean().sqrt()
    assert float(last / first) == pytest.approx(1, abs=0.1)  # samples spread by a little less
