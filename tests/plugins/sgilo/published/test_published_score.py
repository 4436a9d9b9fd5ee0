"""SGILO's score networks and Gaussian codes: the same numbers, in units that solvers can use."""

import math

import pytest
import torch

from invprob import cli, tree
from invprob.diffusion.schedules import vp, vp_time
from invprob.errors import BadWeights, Incompatible
from invprob.io import checksums, images, tensor_files
from invprob.weights import formats
from invprob_sgilo.published.params import PublishedNetParams, PublishedScoreParams
from invprob_sgilo.published.score_convert import PublishedScoreNet
from invprob_sgilo.published.score_load import read_net
from invprob_sgilo.published.score_net import NetSize, PublishedNet
from invprob_sgilo.published.score_prior import PublishedScore
from invprob_sgilo.score.prior import LatentScore
from invprob_sgilo.solvers.released import OwnStep
from invprob_sgilo.stylegan2 import gaussian_codes
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Carry
from tests.plugins.sgilo.published.layouts import (
    Spec,
    nvlabs_tree,
    random_weights,
    score_weights,
    write_pickle,
)
from tests.plugins.sgilo.published.score_equations import noise

SPEC = Spec(w=6, most=6)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def files(tmp_path, cache):
    """A generator and the networks for its codes and its 4×4 features, as published."""
    write_pickle(tmp_path / "g.pkl", nvlabs_tree(SPEC, random_weights(SPEC)))
    torch.save(score_weights(tokens=8), tmp_path / "latent.pth")
    wrapped = {f"module.{k}": v for k, v in score_weights(tokens=16, seed=1).items()}
    torch.save(wrapped, tmp_path / "layer1.pth")
    return tmp_path


def generator(files, **params):
    values = {"weights": str(files / "g.pkl"), "codes": "gaussian", "carry_rgb": False, **params}
    return StyleGAN2.pretrained(**values)


def prior(files, stage, **params):
    if stage > 1:
        params = {"features": str(files / "layer1.pth"), **params}
    params = {"codes": str(files / "latent.pth"), **params}
    return PublishedScore.from_params(PublishedScoreParams(**params), generator(files), stage)


def asked(seed=2, tokens=8):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(3, tokens, 6, generator=rng), torch.tensor([0.01, 0.4, 0.9])


@pytest.mark.parametrize("activation", ["none", "silu"])
def test_the_network_is_the_published_one(files, activation):
    params = PublishedNetParams(time_activation=activation)
    made = PublishedScoreNet(params).convert(score_weights())
    net = PublishedNet(NetSize(**made.metadata["size"]))
    net.load_state_dict(dict(made.tensors))
    tokens, t = asked()
    wanted = noise(score_weights(), tokens, t, silu=activation == "silu")
    assert (net(tokens, t) - wanted).abs().max() < 1e-5 * wanted.abs().max()
    for wrong in (
        {"silu": activation != "silu"},
        {"sine_first": False},
        {"turns": 1.0},
        {"heads_scale": False},
    ):
        other = noise(score_weights(), tokens, t, **{"silu": activation == "silu", **wrong})
        assert (other - wanted).abs().max() > 1e-3 * wanted.abs().max(), wrong


def test_the_published_sizes_have_the_published_numbers():
    with torch.device("meta"):
        nets = {T: PublishedNet(NetSize(tokens=T)) for T in (18, 16, 64, 256)}
    counts = {T: sum(p.numel() for p in net.parameters()) for T, net in nets.items()}
    with_frequencies = {T: count + T // 2 for T, count in counts.items()}
    assert with_frequencies == {18: 70357173, 16: 70354984, 64: 70411936, 256: 70731904}
    assert len(nets[18].state_dict()) == 98


@pytest.mark.parametrize("activation", ["auto", "silu", "none"])
def test_the_prior_takes_the_activation_of_the_time(files, activation):
    found = prior(files, 2, time_activation=activation)
    used = {net.size.time_activation for net in found.nets.values()}
    assert used == {activation.replace("auto", "silu")}
    assert found.assumed == ("time_activation=silu" if activation == "auto" else "")


def test_a_prefix_is_cut_only_if_all_names_have_it(files):
    read_net(files / "layer1.pth")
    halves = score_weights()
    halves = {(f"module.{k}" if k == "projector.bias" else k): v for k, v in halves.items()}
    torch.save(halves, files / "mixed.pth")
    with pytest.raises(BadWeights, match=r"1 missing: projector.bias; 1 unexpected: module.proj"):
        read_net(files / "mixed.pth")


def test_what_is_not_such_a_network_is_refused(files):
    few = score_weights()
    few["transformer.layers.0.0.fn.norm.weight"] = torch.ones(3)
    torch.save(few, files / "few.pth")
    with pytest.raises(BadWeights, match="1 of another shape: transformer"):
        read_net(files / "few.pth")
    with pytest.raises(BadWeights, match=r"g.pkl are not a score network of SGILO's release"):
        read_net(files / "g.pkl")


def test_converted_it_has_the_same_bits(files, capsys):
    for name in ("a", "b"):
        source, out = files / "layer1.pth", files / f"{name}.safetensors"
        assert cli.call(["convert", str(source), str(out), "--license", "GPL"]) == 0
    assert (files / "a.safetensors").read_bytes() == (files / "b.safetensors").read_bytes()
    direct, again = (read_net(files / name) for name in ("layer1.pth", "a.safetensors"))
    tokens, t = asked(tokens=16)
    assert torch.equal(direct(tokens, t), again(tokens, t))
    assert tensor_files.read(files / "a.safetensors")[1]["licence"] == "GPL"


class OfNormal(PublishedNet):
    """ε̂ of independent normal data, in the published units."""

    def __init__(self, tokens, channels, mean, std):
        super().__init__(NetSize(tokens, channels, width=4, depth=1, inner=4, hidden=4))
        self.mean, self.std = mean, std

    def forward(self, tokens, t):
        alpha, sigma = (v[:, None, None] for v in vp(t))
        return sigma * (tokens - alpha * self.mean) / ((alpha * self.std) ** 2 + sigma**2)


def test_the_score_of_a_normal_law_is_exact_in_our_units():
    rng = torch.Generator().manual_seed(0)
    x = Carry(
        w=torch.randn(5, 7, 6, generator=rng),
        noise=(torch.randn(5, 1, 4, 4, generator=rng),),
        h=torch.randn(5, 3, 4, 4, generator=rng),
    )
    nets = {"w": OfNormal(8, 6, 0.45, 0.17), "h": OfNormal(16, 3, 0.6, 0.1)}
    ranges = {"w": (-3.0, 3.5), "h": (-1.0, 2.5)}
    prior = PublishedScore(x, nets, ranges).double()
    x = tree.map(lambda leaf: leaf.double(), x)
    u, t = prior.normalise(x), torch.tensor([0.02, 0.1, 0.5, 0.8, 1.0]).double()
    assert all(
        torch.allclose(a, b)
        for a, b in zip(tree.leaves(prior.restore(u)), tree.leaves(x), strict=True)
    )
    alpha, sigma = prior.schedule(t)
    found = prior.score(u, t)
    laws = {"w": (0.45, 0.17, -3.0, 6.5), "h": (0.6, 0.1, -1.0, 3.5)}
    for name, (mean, std, low, width) in laws.items():
        centre = prior.normalise(tree.map(lambda v: v * 0 + low + mean * width, x))  # noqa: B023
        m = getattr(centre, name)
        spread = std * 6.5
        leaf, s = getattr(u, name), getattr(found, name)
        a, b = tree.per_element(alpha, leaf), tree.per_element(sigma, leaf)
        assert torch.allclose(s, -(leaf - a * m) / ((a * spread) ** 2 + b**2), rtol=1e-6), name
    assert torch.equal(found.noise[0], -u.noise[0])


def test_the_step_of_the_released_loop_is_made_in_published_units():
    rng = torch.Generator().manual_seed(0)
    x = Carry(
        w=torch.randn(5, 8, 6, generator=rng),
        noise=(torch.randn(5, 1, 4, 4, generator=rng),),
        h=torch.randn(5, 3, 4, 4, generator=rng),
    )
    nets = {"w": OfNormal(8, 6, 0.45, 0.17), "h": OfNormal(16, 3, 0.6, 0.1)}
    ranges = {"w": (-3.0, 3.5), "h": (-1.0, 2.5)}
    prior = PublishedScore(x, nets, ranges)
    u, t = prior.normalise(x), torch.full((5,), 0.01)
    assert isinstance(prior, OwnStep)
    found = prior.restore(prior.released_step(u, t, t - 0.001))
    beta, alpha, sigma = 0.1 + 19.9 * 0.01, *(float(v[0]) for v in vp(t))
    for name, (mean, std, low, width) in {
        "w": (0.45, 0.17, -3.0, 6.5),
        "h": (0.6, 0.1, -1.0, 3.5),
    }.items():
        n = (getattr(x, name) - low) / width
        score = -(n - alpha * mean) / ((alpha * std) ** 2 + sigma**2)
        moved = 0.001 * (beta / 2 * n + beta * score) * width
        assert moved.abs().max() > 1e-3
        assert torch.allclose(getattr(found, name) - getattr(x, name), moved, atol=2e-6), name
    away = found.noise[0] - x.noise[0]
    assert torch.allclose(away, -0.001 * beta / 2 * x.noise[0], atol=1e-6)


def test_the_time_of_a_ratio():
    t = torch.linspace(0.001, 1, 50).double()
    alpha, sigma = vp(t)
    assert torch.allclose(vp_time(sigma / alpha), t)


def test_gaussian_codes_change_no_picture(files):
    plain, gaussian = generator(files, codes="w"), generator(files)
    x = plain.sample(4, torch.Generator().manual_seed(3))
    assert torch.allclose(plain(x), gaussian(x), atol=2e-5)
    for stage in (1, 2, 3):
        again = gaussian(gaussian(x, stop=stage), start=stage)
        assert torch.allclose(again, plain(plain(x, stop=stage), start=stage), atol=2e-5)
    many = gaussian(gaussian.sample(4000, torch.Generator().manual_seed(4)), stop=1)
    assert many.w.mean((0, 1)).abs().max() < 0.1
    assert (many.w.std((0, 1)) - 1).abs().max() < 0.1


def test_moments_are_computed_once_and_kept(files, cache, monkeypatch):
    first = generator(files)
    (kept,) = (cache / "gaussian-fit").glob("*.safetensors")
    assert kept.stem == checksums.sha256(files / "g.pkl")
    monkeypatch.setattr(gaussian_codes, "fit", lambda *_: pytest.fail("computed again"))
    assert torch.equal(generator(files).code_std, first.code_std)


def test_published_moments_are_read(files):
    published = {"mean": torch.linspace(-1, 0.7, 6), "std": torch.linspace(0.5, 1.2, 6)}
    torch.save(published, files / "gaussian_fit.pt")
    G = generator(files, gaussian=str(files / "gaussian_fit.pt"))
    assert torch.equal(G.code_mean, published["mean"])
    v = torch.randn(1, 8, 6, generator=torch.Generator().manual_seed(0))
    w = torch.nn.functional.leaky_relu(published["std"] * v + published["mean"], 0.2)
    noise_maps = G.draw_noise(1, torch.Generator().manual_seed(1))
    expected = generator(files, codes="w")(Carry(w=w, noise=noise_maps), start=1)
    assert torch.equal(G(Carry(w=v, noise=noise_maps), start=1), expected)
    assert "Gaussian fit of 6" in formats.convert(files / "gaussian_fit.pt")[1].summary


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        ({"mean": torch.zeros(5), "std": torch.ones(5)}, "codes of 5 channels, not 6"),
        (
            {"mean": torch.zeros(6), "std": torch.ones(5)},
            r"of another shape: std \(5,\) for \(6,\)",
        ),
        ({"mean": torch.zeros(6), "std": torch.ones(6).int()}, "std is not a tensor of reals"),
        ({"mean": torch.zeros(6), "std": torch.zeros(6)}, "one that is not positive"),
        ({"mean": torch.zeros(0), "std": torch.zeros(0)}, "there is no std"),
        ({"mean": torch.full((6,), math.nan), "std": torch.ones(6)}, "mean holds .* not finite"),
    ],
)
def test_moments_that_do_not_fit_are_refused(files, fit, said):
    torch.save(fit, files / "fit.pt")
    with pytest.raises(BadWeights, match=said):
        generator(files, gaussian=str(files / "fit.pt"))


@pytest.mark.parametrize(
    ("stage", "params", "said"),
    [
        (2, {"features": None}, "stage 2 has features beside its codes"),
        (1, {"features": "layer1.pth"}, "stage 1 has no features"),
        (3, {}, "for 16 tokens of 6 channels, and the features of this stage are 64 of 6"),
    ],
)
def test_networks_of_other_stages_are_refused(files, monkeypatch, stage, params, said):
    monkeypatch.chdir(files)
    with pytest.raises(Incompatible, match=said):
        prior(files, stage, **params)


def test_generators_of_other_latents_are_refused(files):
    params = PublishedScoreParams(codes=str(files / "latent.pth"))
    with pytest.raises(Incompatible, match="know Gaussian codes, and no image so far"):
        PublishedScore.from_params(params, generator(files, codes="w"), 1)


def test_priors_of_style_codes_are_refused_on_gaussian_ones(files):
    with pytest.raises(Incompatible, match="latent-score knows style codes w"):
        LatentScore.pretrained(stage=1, generator=generator(files))


def test_sgilo_runs_on_published_files(files, capsys, monkeypatch):
    monkeypatch.chdir(files)
    face = torch.nn.functional.avg_pool2d(images.bundled()[0].read(3), 2)
    images.write_png(files / "face.png", face)
    assert (
        cli.call(
            [
                *("solve", "face.png", "--solver", "sgilo:stages=1,2,steps=4,16,fisher_probes=2"),
                *("--generator", "stylegan2:weights=g.pkl,codes=gaussian,carry_rgb=false"),
                *("--prior", "1=published-score:codes=latent.pth"),
                *("--prior", "2=published-score:codes=latent.pth,features=layer1.pth"),
                *("--samples", "2", "--out", "out"),
            ]
        )
        == 0
    ), capsys.readouterr().err
    assert (files / "out" / "summary.png").is_file()
