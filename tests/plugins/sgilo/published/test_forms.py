"""The forms in which people keep these networks: each is read as what it is, or refused."""

import argparse
import pickle

import numpy as np
import pytest
import torch

from invprob import cli
from invprob.errors import BadWeights
from invprob.params import Spec as ComponentSpec
from invprob.weights import formats
from invprob_sgilo.published import mean_code
from invprob_sgilo.published.params import PublishedNetParams, PublishedScoreParams
from invprob_sgilo.published.renaming import channel_table
from invprob_sgilo.published.score_convert import PublishedScoreNet
from invprob_sgilo.published.score_load import read_net
from invprob_sgilo.published.score_net import NetSize
from invprob_sgilo.stylegan2.generator import StyleGAN2
from tests.plugins.sgilo.published import equations
from tests.plugins.sgilo.published.layouts import (
    Persistent,
    Spec,
    nvlabs_modules,
    nvlabs_tree,
    random_weights,
    rosinality_tree,
    score_weights,
    write_pickle,
)
from tests.plugins.sgilo.published.score_equations import noise
from tests.plugins.sgilo.published.test_stylegan2_parity import apart, ours

SPEC = Spec(clamp=1.5)
SQUARE = Spec().square


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def saved(tree, path, form):
    if form == "pickle":
        write_pickle(path, tree)
    else:
        with nvlabs_modules():
            torch.save(tree, path, _use_new_zipfile_serialization=form == "zip")
    return path


def right(path, weights, **options):
    image, z, maps = ours(path, truncation=0.7)
    return apart(image, equations.picture(weights, z, maps, 0.7, **options)) < 1e-5


# -- NVlabs


@pytest.mark.parametrize("form", ["pickle", "zip", "legacy"])
@pytest.mark.parametrize("kept", ["alone", "in a row", "named"])
def test_modules_of_nvlabs_alone_and_in_a_row(tmp_path, form, kept):
    weights = random_weights(SPEC)
    both = nvlabs_tree(SPEC, weights, G=random_weights(SPEC, 1))
    tree = {
        "alone": both["G_ema"],
        "in a row": (both["G"], Persistent("Discriminator", {}), both["G_ema"]),
        "named": {"G": both["G"], "D": None, "G_ema": both["G_ema"]},
    }[kept]
    path = saved(tree, tmp_path / "w", form)
    assert right(path, weights, clamp=1.5)
    if kept != "alone":
        spec = ComponentSpec.model_validate("nvlabs-stylegan2:network=G")
        found = formats.convert(path, spec)[1].tensors["w_mean"]
        assert torch.equal(found, random_weights(SPEC, 1)["mapping.w_avg"])


WRAPPINGS = {
    "bare": lambda state: state,
    "named": lambda state: {"G_ema": state, "G": random_weights(SPEC, 1)},
    "wrapped": lambda state: {"state_dict": state, "step": 3},
    "by another name": lambda state: {"generator": state, "args": {"lr": 1}},
    "parallel": lambda state: {f"module.{k}": v for k, v in state.items()},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_state_dicts_of_nvlabs(tmp_path, wrapping):
    """Such as SGILO's own `ffhq.pt`; what they do not say is said, and can be given."""
    weights = random_weights(SPEC)
    path = tmp_path / "ffhq.pt"
    torch.save(WRAPPINGS[wrapping](weights), path)
    assert right(path, weights, clamp=None)
    made = formats.convert(path)[1]
    assert made.summary.endswith("; assumed: no clamp, no block in 16 bits")
    assert made.metadata["assumed"] == "no clamp, no block in 16 bits"
    given = ComponentSpec.model_validate("nvlabs-stylegan2:conv_clamp=1.5,fp16_blocks=2")
    made = formats.convert(path, given)[1]
    assert made.metadata["architecture"]["conv_clamp"] == 1.5
    assert made.metadata["architecture"]["half_from"] == 16
    assert "assumed" not in made.metadata


def test_a_snapshot_says_itself_where_it_clamps(tmp_path):
    write_pickle(tmp_path / "w.pkl", nvlabs_tree(SPEC, random_weights(SPEC)))
    spec = ComponentSpec.model_validate("nvlabs-stylegan2:conv_clamp=256")
    with pytest.raises(BadWeights, match="says itself where it clamps"):
        formats.convert(tmp_path / "w.pkl", spec)


def test_a_generator_is_read_beside_networks_of_other_packages(tmp_path):
    weights = random_weights(SPEC)
    tree = nvlabs_tree(SPEC, weights) | {"D": torch.nn.Sequential(torch.nn.ReLU())}
    assert right(saved(tree, tmp_path / "projected.pkl", "pickle"), weights, clamp=1.5)


def test_stylegan3_is_told_apart(tmp_path):
    """Its layers keep filters as numpy arrays; its state dict has the same names."""
    layer = Persistent("SynthesisLayer", {"_modules": {}, "up_filter": np.ones(3)})
    inside = {"input": Persistent("SynthesisInput", {"_modules": {}}), "L0_36_512": layer}
    three = Persistent("Generator", {"_modules": {
        "mapping": Persistent("MappingNetwork", {"_modules": {}}),
        "synthesis": Persistent("SynthesisNetwork", {"_modules": inside}),
    }})  # fmt: skip
    write_pickle(tmp_path / "a", {"G_ema": three})
    names = ("mapping.fc0.weight", "synthesis.input.freqs", "synthesis.L0_36_512.weight")
    torch.save({name: torch.ones(2, 2) for name in names}, tmp_path / "b")
    for name in "ab":
        with pytest.raises(BadWeights, match="holds a StyleGAN-3 generator"):
            formats.convert(tmp_path / name)


def test_generators_of_other_kinds_are_not_taken_for_one(tmp_path):
    other = Persistent("Generator", {"_modules": {
        "mapping": Persistent("DummyMapping", {"_modules": {}}),
        "synthesis": Persistent("FastGAN", {"_modules": {}}),
    }})  # fmt: skip
    write_pickle(tmp_path / "w", {"G_ema": other})
    with pytest.raises(BadWeights, match="has no blocks of a StyleGAN-2"):
        formats.convert(tmp_path / "w")


@pytest.mark.parametrize("form", ["classes", "state dict", "setting"])
def test_conditional_generators_of_nvlabs_are_refused(tmp_path, form):
    weights = random_weights(SPEC)
    if form != "setting":
        weights |= {"mapping.embed.weight": torch.ones(6, 10), "mapping.embed.bias": torch.ones(6)}
    tree = nvlabs_tree(SPEC, weights)
    if form == "setting":
        tree["G_ema"].meta["state"]["c_dim"] = 10
    saved(weights if form == "state dict" else tree, tmp_path / "w", "pickle")
    with pytest.raises(BadWeights, match="conditional on a class"):
        formats.convert(tmp_path / "w")


@pytest.mark.parametrize(
    ("base", "top", "last"),
    [(9830, 64, 1024), (9830, 64, 128), (20000, 512, 128), (32768, 512, 1024), (64, 8, 32)],
)
def test_any_base_of_the_channels_is_found(base, top, last):
    widths = {r: min(base // r, top) for r in (4, 8, 16, 32, 64, 128, 256, 512, 1024) if r <= last}
    found, most = channel_table(widths)
    assert {r: min(found // r, most) for r in widths} == widths


def test_channels_without_a_rule_are_shown(tmp_path):
    with pytest.raises(BadWeights, match=r"no regular way \(4: 8, 8: 7, 16: 8\)"):
        channel_table({4: 8, 8: 7, 16: 8})


@pytest.mark.parametrize("resolution", [8, 16])
def test_small_generators_are_refused_with_what_is_read(tmp_path, resolution):
    spec = Spec(resolution)
    write_pickle(tmp_path / "w", nvlabs_tree(spec, random_weights(spec)))
    with pytest.raises(BadWeights, match=rf"have resolutions \[4, .*{resolution}\]") as caught:
        formats.convert(tmp_path / "w")
    assert "of 32 to 1024 pixels" in caught.value.hint


# -- rosinality


def test_checkpoints_of_before_2020_have_no_noise_maps(tmp_path):
    weights = random_weights(SQUARE)
    tree = rosinality_tree(SQUARE, weights)
    tree["g_ema"] = {k: v for k, v in tree["g_ema"].items() if not k.startswith("noises.")}
    torch.save(tree, tmp_path / "550000.pt")
    assert right(tmp_path / "550000.pt", weights, raw=False)
    with pytest.raises(BadWeights, match="hold no noise maps"):
        StyleGAN2.pretrained(tmp_path / "550000.pt", noise="stored")
    tree["g_ema"]["noises.noise_0"] = torch.ones(1, 1, 4, 4)
    torch.save(tree, tmp_path / "w")
    with pytest.raises(BadWeights, match=r"missing: noises\.noise_1"):
        formats.convert(tmp_path / "w")


@pytest.mark.parametrize("wrapping", ["bare", "parallel", "by another name"])
def test_bare_state_dicts_of_rosinality(tmp_path, wrapping):
    weights = random_weights(SQUARE)
    bare = rosinality_tree(SQUARE, weights)["g_ema"]
    torch.save(WRAPPINGS[wrapping](bare), tmp_path / "w")
    image, z, maps = ours(tmp_path / "w")
    assert apart(image, equations.picture(weights, z, maps, raw=False)) < 1e-5


def test_conditional_generators_of_rosinality_are_refused(tmp_path):
    spec = Spec(z=12, w=6)  # the mapping network takes a class beside z
    torch.save(rosinality_tree(spec, random_weights(spec)), tmp_path / "w")
    with pytest.raises(BadWeights, match="takes 12 numbers for codes of 6") as caught:
        formats.convert(tmp_path / "w")
    assert "conditional on a class" in caught.value.hint


# -- both


@pytest.mark.parametrize("form", ["nvlabs", "rosinality"])
def test_generators_of_other_channels_are_refused_at_once(tmp_path, capsys, form):
    spec = Spec(channels=4).square
    tree = (nvlabs_tree if form == "nvlabs" else rosinality_tree)(spec, random_weights(spec))
    saved(tree, tmp_path / "rgba.pt", "pickle")
    out = tmp_path / "o.safetensors"
    assert cli.call(["convert", str(tmp_path / "rgba.pt"), str(out)]) == 2
    said = capsys.readouterr().err
    assert "makes pictures of 4 channels" in " ".join(said.split())
    assert not out.exists()


@pytest.mark.parametrize("form", ["nvlabs", "rosinality"])
def test_a_missing_mean_code_is_computed_once_and_kept(tmp_path, cache, monkeypatch, form):
    weights = random_weights(SQUARE)
    tree = (nvlabs_tree if form == "nvlabs" else rosinality_tree)(SQUARE, weights)
    if form == "nvlabs":
        del tree["G_ema"].meta["state"]["_modules"]["mapping"].meta["state"]["_buffers"]["w_avg"]
    else:
        del tree["latent_avg"]
    saved(tree, tmp_path / "w", "pickle")
    first = formats.convert(tmp_path / "w")[1]
    assert "estimated" in first.metadata["w_mean"]
    (kept,) = (cache / "mean-code").glob("*.safetensors")
    with monkeypatch.context() as context:
        context.setattr(mean_code, "MappingNetwork", lambda *_: pytest.fail("computed again"))
        assert torch.equal(formats.convert(tmp_path / "w")[1].tensors["w_mean"],
                           first.tensors["w_mean"])  # fmt: skip
    kept.write_bytes(b"damaged")
    assert torch.equal(formats.convert(tmp_path / "w")[1].tensors["w_mean"],
                       first.tensors["w_mean"])  # fmt: skip
    cache.rename(tmp_path / "gone")
    cache.write_text("a file, where nothing can be kept")
    formats.convert(tmp_path / "w")


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (argparse.Namespace(x=1), "it holds an object of argparse.Namespace"),
        ((argparse.Namespace(), 3), r"a tuple of 2 \(an object of argparse.Namespace, an int\)"),
        ([{"a": 1}, {}], r"a list of 2 \(dictionaries\)"),
    ],
)
def test_what_is_not_known_is_named(tmp_path, tree, said):
    (tmp_path / "w").write_bytes(pickle.dumps(tree))
    with pytest.raises(BadWeights, match=said):
        formats.convert(tmp_path / "w")


# -- score networks of SGILO


def test_the_time_passes_silu_unless_one_says_otherwise(tmp_path):
    weights = score_weights()
    torch.save(weights, tmp_path / "latent.pth")
    assert PublishedNetParams().time_activation == "silu"
    assert NetSize().time_activation == "silu"
    assert PublishedScoreParams().time_activation == "auto"
    tokens = torch.rand(3, 8, 6, generator=torch.Generator().manual_seed(2))
    t = torch.tensor([0.01, 0.4, 0.9])
    for activation in ("auto", "silu", "none"):
        found = read_net(tmp_path / "latent.pth", activation)(tokens, t)
        wanted = noise(weights, tokens, t, silu=activation != "none")
        assert (found - wanted).abs().max() < 1e-5 * wanted.abs().max()
    made = PublishedScoreNet(PublishedNetParams()).convert(weights)
    assert made.summary.endswith("; assumed: time_activation=silu")
    said = PublishedScoreNet(PublishedNetParams(time_activation="silu")).convert(weights)
    assert "assumed" not in said.metadata


def test_score_networks_may_be_an_entry(tmp_path):
    torch.save({"model": score_weights(), "optimizer": {"state": {}}}, tmp_path / "w")
    whole = PublishedScoreNet(PublishedNetParams()).convert(score_weights())
    assert torch.equal(formats.convert(tmp_path / "w")[1].tensors["position"],
                       whole.tensors["position"])  # fmt: skip
    torch.save({"model": score_weights(), "ema": score_weights()}, tmp_path / "w")
    with pytest.raises(BadWeights, match=r"2 entries \(model, ema\)"):
        formats.convert(tmp_path / "w")
