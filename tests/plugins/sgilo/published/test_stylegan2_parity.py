"""Our image of converted weights is that of the published equations, and each constant matters."""

import math

import pytest
import torch

from invprob.weights.formats import convert
from invprob_sgilo.stylegan2.generator import StyleGAN2
from tests.plugins.sgilo.published import equations
from tests.plugins.sgilo.published.layouts import (
    Spec,
    nvlabs_tree,
    random_weights,
    rosinality_tree,
    write_pickle,
)

SPECS = [
    Spec(),
    Spec(32, channels=1, base=512, most=16, layers=8, clamp=1.5, half=2),
    Spec(64, base=512, most=32, z=16, w=12),
    Spec(128, channels=1, base=1024, most=16, layers=4),
    Spec(256, base=2048, most=16, clamp=256.0, half=4),
]


def published(path, spec, weights, form):
    if form == "nvlabs":
        write_pickle(path, nvlabs_tree(spec, weights))
    else:
        torch.save(rosinality_tree(spec, weights), path)
    return path


def ours(path, **params):
    """(image in [−1, 1], z, noise) of two draws."""
    G = StyleGAN2.pretrained(path, **params)
    x = G.sample(2, torch.Generator().manual_seed(3))
    return 2 * G(x) - 1, x.z, x.noise


def apart(a, b):
    return float((a.double() - b.double()).abs().max() / b.double().abs().max())


@pytest.mark.parametrize("form", ["nvlabs", "rosinality"])
@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("noise", ["random", "stored"])
def test_the_image_is_that_of_the_equations(tmp_path, spec, form, noise):
    spec = spec if form == "nvlabs" else spec.square
    weights = random_weights(spec)
    file = published(tmp_path / "weights.bin", spec, weights, form)
    image, z, maps = ours(file, truncation=0.7, noise=noise)
    nvlabs = form == "nvlabs"
    expected = equations.picture(
        weights, z, maps, 0.7, raw=nvlabs, clamp=spec.clamp if nvlabs else None
    )
    assert image.shape == (2, spec.channels, spec.resolution, spec.resolution)
    assert apart(image, expected) < 1e-5
    if noise == "stored":
        assert torch.equal(maps[0][1, 0], weights["synthesis.b4.conv1.noise_const"])
        assert torch.equal(maps[2][0, 0], weights["synthesis.b8.conv1.noise_const"])


WRONG = {
    "filter": {"taps": (1, 2, 2, 1)},
    "order of the filter": {"taps": (3, 3, 1, 1)},
    "demodulation epsilon": {"eps": 0.0},
    "where epsilon stands": {"raw": False},
    "noise strength": {"strength": 0.0},
    "activation gain": {"gain": 1.0},
    "truncation": {"psi": 1.0},
    "clamp": {"clamp": None},
}


@pytest.mark.parametrize("what", WRONG)
def test_every_constant_matters(tmp_path, what):
    spec = Spec(clamp=1.5)
    weights = random_weights(spec)
    for name in weights:
        if name.endswith("conv1.weight"):
            weights[name] *= 1e-5  # power of the order of epsilon
    file = published(tmp_path / "w.pkl", spec, weights, "nvlabs")
    image, z, maps = ours(file, truncation=0.7)
    right = {"psi": 0.7, "clamp": 1.5}
    assert apart(image, equations.picture(weights, z, maps, **right)) < 1e-5
    assert apart(image, equations.picture(weights, z, maps, **right | WRONG[what])) > 1e-3


@pytest.mark.parametrize("form", ["nvlabs", "rosinality"])
def test_every_tensor_matters(tmp_path, form):
    spec = Spec() if form == "nvlabs" else Spec().square
    weights = random_weights(spec)
    before, *_ = ours(
        published(tmp_path / "a", spec, weights, form), truncation=0.7, noise="stored"
    )
    for name in weights:
        if name.endswith("resample_filter") or ".b16." in name:  # as b8 and b32, to save time
            continue
        other = {k: v + 0.1 if k == name else v for k, v in weights.items()}
        file = published(tmp_path / "b", spec, other, form)
        assert apart(ours(file, truncation=0.7, noise="stored")[0], before) > 1e-7, name


def test_upsampling_kernels_are_not_turned_round(tmp_path):
    spec = Spec().square
    weights = random_weights(spec)
    file = published(tmp_path / "w.pt", spec, weights, "rosinality")
    image, z, maps = ours(file)
    turned = {k: v.flip(2, 3) if k.endswith("conv0.weight") else v for k, v in weights.items()}
    assert apart(image, equations.picture(weights, z, maps, raw=False)) < 1e-5
    assert apart(image, equations.picture(turned, z, maps, raw=False)) > 1e-2


def test_16_bits_as_published_are_near(tmp_path):
    spec = Spec(64, clamp=256.0, half=2)
    weights = random_weights(spec)
    for name in weights:
        if name.endswith("affine.bias") and ".conv" in name:
            weights[name] *= 3e5  # styles that float16 cannot hold
    file = published(tmp_path / "w.pkl", spec, weights, "nvlabs")
    exact, z, maps = ours(file)
    low, *_ = ours(file, precision="published")
    expected = equations.picture(weights, z, maps, clamp=256.0)
    assert apart(exact, expected) < 1e-5
    assert 1e-6 < apart(low, expected) < 0.02


def test_the_mean_code_is_estimated_where_a_snapshot_has_none(tmp_path, monkeypatch):
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "cache"))
    spec = Spec().square
    weights = random_weights(spec)
    tree = rosinality_tree(spec, weights)
    del tree["latent_avg"]
    torch.save(tree, tmp_path / "w.pt")
    _, made = convert(tmp_path / "w.pt")
    G = StyleGAN2.pretrained(tmp_path / "w.pt")
    z = torch.randn(20_000, spec.z, generator=torch.Generator().manual_seed(9))
    w = G.mapping(z).detach()
    error = w.std(0) / math.sqrt(20_000)
    assert bool(((w.mean(0) - made.tensors["w_mean"]).abs() < 5 * error).all())
    assert "estimated" in made.metadata["w_mean"]
