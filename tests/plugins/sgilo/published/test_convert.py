"""Converting: the same bits again, strict names, and a command that says what it found."""

import json

import pytest
import torch

from invprob import cli
from invprob.config.registry import Entry, Registry, registry
from invprob.converter import Converter
from invprob.errors import BadWeights
from invprob.io import checksums, tensor_files
from invprob.params import Spec as ComponentSpec
from invprob.plugin import Component
from invprob.weights import formats
from invprob_sgilo.stylegan2.generator import StyleGAN2
from tests.plugins.sgilo.published.layouts import (
    Persistent,
    Spec,
    nvlabs_tree,
    random_weights,
    rosinality_tree,
    write_pickle,
)

SPEC = Spec(clamp=256.0, half=2)


@pytest.fixture
def snapshot(tmp_path):
    """A file of NVlabs with two generators, of misleading name."""
    path = tmp_path / "snapshot.pt"
    write_pickle(path, nvlabs_tree(SPEC, random_weights(SPEC), G=random_weights(SPEC, 1)))
    return path


def run(capsys, *args):
    status = cli.call([str(a) for a in args])
    return status, *capsys.readouterr()


def test_convert_and_reload_gives_the_same_bits(snapshot, tmp_path, capsys):
    out = tmp_path / "out" / "g.safetensors"
    status, said, _ = run(capsys, "convert", snapshot, out, "--license", "NC", "--json")
    assert status == 0
    facts = json.loads(said)
    assert "StyleGAN-2 of NVlabs (G_ema), 3×32×32, z 7, w 6, 2 mapping" in facts["recognised"]
    assert facts["sha256"] == checksums.sha256(out)
    tensors, metadata = tensor_files.read(out)
    assert metadata["source"] == "snapshot.pt"
    assert metadata["source_sha256"] == checksums.sha256(snapshot)
    assert metadata["licence"] == "NC"
    _, made = formats.convert(snapshot)
    assert tensors.keys() == made.tensors.keys()
    for name, value in random_weights(SPEC).items():
        if name.endswith("weight") and "conv1" in name:
            assert any(torch.equal(value.flatten(), t.flatten()) for t in tensors.values()), name
    direct, again = (StyleGAN2.pretrained(p) for p in (snapshot, out))
    x = direct.sample(1, torch.Generator().manual_seed(0))
    assert torch.equal(direct(x), again(x))
    assert direct.arch == again.arch
    assert direct.arch.half_from == 16


@pytest.mark.parametrize("form", ["nvlabs", "rosinality"])
def test_converting_twice_gives_the_same_bytes(tmp_path, capsys, monkeypatch, form):
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "w"
    if form == "nvlabs":
        write_pickle(file, nvlabs_tree(SPEC, random_weights(SPEC)))
    else:
        tree = rosinality_tree(SPEC.square, random_weights(SPEC.square))
        del tree["latent_avg"]  # so that it is estimated
        torch.save(tree, file)
    for name in ("a", "b"):
        assert run(capsys, "convert", file, tmp_path / f"{name}.safetensors", "-q")[0] == 0
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_tensors_that_share_memory_are_written_apart(tmp_path):
    whole = torch.arange(6.0)
    shared = {"a": whole[:3], "b": whole[3:], "c": whole, "d": whole.reshape(2, 3).T}
    tensor_files.write(tmp_path / "a.safetensors", shared, {"kind": "x"})
    read, _ = tensor_files.read(tmp_path / "a.safetensors")
    assert all(torch.equal(read[name], value) for name, value in shared.items())


def test_the_order_of_metadata_is_fixed(tmp_path):
    facts = {f"key{i}": f"ü{i}" for i in range(40)}
    tensor_files.write(tmp_path / "a.safetensors", {"x": torch.ones(3)}, facts)
    header = (tmp_path / "a.safetensors").read_bytes()
    size = int.from_bytes(header[:8], "little")
    assert size % 8 == 0
    kept = json.loads(header[8 : 8 + size])["__metadata__"]
    assert list(kept) == sorted(facts)
    assert tensor_files.read(tmp_path / "a.safetensors")[1] == facts


def test_the_other_network_is_chosen_by_a_parameter(snapshot, tmp_path, capsys):
    out = tmp_path / "g.safetensors"
    spec = "nvlabs-stylegan2:network=G"
    assert run(capsys, "convert", snapshot, out, "--converter", spec)[0] == 0
    expected = random_weights(SPEC, 1)["mapping.w_avg"]
    assert torch.equal(tensor_files.read(out)[0]["w_mean"], expected)


def test_a_network_that_is_not_there_is_refused(tmp_path):
    write_pickle(tmp_path / "w", {**nvlabs_tree(SPEC, random_weights(SPEC)), "G": None})
    spec = ComponentSpec.model_validate("nvlabs-stylegan2:network=G")
    with pytest.raises(BadWeights, match=r"no network G\b"):
        formats.convert(tmp_path / "w", spec)


NAME = "synthesis.b8.conv0.weight"
FAULTS = {
    "missing": (lambda w: w.pop("synthesis.b16.conv1.bias"), "1 missing: synthesis.b16.conv1.bias"),
    "unexpected": (
        lambda w: w.update({"mapping.more": torch.ones(1)}),
        "1 unexpected: mapping.more",
    ),
    "misshapen": (lambda w: w.update({NAME: w[NAME][:, :3]}), r"synthesis.b8.conv0.weight \(8, 3"),
    "not finite": (lambda w: w[NAME].fill_(torch.nan), "not finite"),
    "filter": (lambda w: w["synthesis.b8.resample_filter"].add_(0.1), r"not \[1, 3, 3, 1\]"),
    "no block": (
        lambda w: [w.pop(k) for k in list(w) if ".b8." in k],
        r"resolutions \[4, 16, 32\]",
    ),
    "channels": (
        lambda w: w.update({"synthesis.b8.conv1.weight": torch.ones(7, 8, 3, 3)}),
        "halved in no regular way",
    ),
    "class": (lambda w: w.update({"mapping.embed.weight": torch.ones(2, 2)}), "conditional"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_weights_that_do_not_fit_are_refused_by_name(tmp_path, what):
    harm, message = FAULTS[what]
    w = random_weights(SPEC)
    harm(w)
    write_pickle(tmp_path / "w.pkl", nvlabs_tree(SPEC, w))
    with pytest.raises(BadWeights, match=message):
        StyleGAN2.pretrained(tmp_path / "w.pkl")


@pytest.mark.parametrize(
    ("part", "setting", "value"),
    [
        ("b8", "architecture", "resnet"),
        ("b8", "architecture", "orig"),
        ("conv0", "activation", "relu"),
        ("conv0", "conv_clamp", -1.0),
        ("conv0", "conv_clamp", 2.0),
        ("fc0", "bias_gain", 1.0),
        ("b16", "use_fp16", False),
    ],
)
def test_settings_that_change_the_image_are_refused(tmp_path, part, setting, value):
    spec = Spec(clamp=256.0, half=3)
    tree = nvlabs_tree(spec, random_weights(spec))

    def change(module):
        for name, inner in module.meta["state"]["_modules"].items():
            if name == part and inner.meta["state"].get(setting, "none") != value:
                inner.meta["state"][setting] = value
                return True
            if change(inner):
                return True
        return False

    assert change(tree["G_ema"])
    write_pickle(tmp_path / "w.pkl", tree)
    with pytest.raises(BadWeights, match=f"{setting}|clamp|16 bits"):
        StyleGAN2.pretrained(tmp_path / "w.pkl")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda t: t["g_ema"].pop("convs.1.activate.bias"), "1 missing: convs.1.activate.bias"),
        (lambda t: t["g_ema"].update(more=3), "1 unexpected: more"),
        (lambda t: t["g_ema"].update({"noises.noise_0": torch.ones(4, 4)}), "of another shape"),
        (lambda t: t.update(latent_avg=torch.ones(5)), "latent_avg is not a tensor of 6"),
        (lambda t: t["g_ema"].pop("to_rgbs.0.conv.weight"), r"resolutions \[4, 16, 32\]"),
        (lambda t: t["g_ema"]["convs.0.conv.blur.kernel"].mul_(2), r"not \[1, 3, 3, 1\]"),
    ],
)
def test_rosinality_files_that_do_not_fit_are_refused(tmp_path, harm, message):
    tree = rosinality_tree(SPEC.square, random_weights(SPEC.square))
    harm(tree)
    torch.save(tree, tmp_path / "w.pt")
    with pytest.raises(BadWeights, match=message):
        formats.convert(tmp_path / "w.pt")


def test_other_networks_are_told_by_what_they_hold(tmp_path, capsys):
    torch.save({"fc.weight": torch.ones(2)}, tmp_path / "w.pt")
    status, _, said = run(capsys, "convert", tmp_path / "w.pt", tmp_path / "o.safetensors")
    assert status == 2
    assert "no format that a converter recognises: it holds 1 entries (fc.weight)" in said
    three = Persistent("Generator", {"_modules": {
        "mapping": Persistent("M", {"_modules": {}}),
        "synthesis": Persistent("S", {"_modules": {"input": Persistent("I", {"_modules": {}})}}),
    }})  # fmt: skip
    write_pickle(tmp_path / "w.pkl", {"G_ema": three})
    with pytest.raises(BadWeights, match="StyleGAN-3"):
        formats.convert(tmp_path / "w.pkl")


def test_the_output_is_a_new_safetensors_file(snapshot, tmp_path, capsys):
    assert "does not end in" in run(capsys, "convert", snapshot, tmp_path / "a.pt")[2]
    (tmp_path / "a.safetensors").touch()
    assert "is there already" in run(capsys, "convert", snapshot, tmp_path / "a.safetensors")[2]
    assert run(capsys, "convert", snapshot, tmp_path / "b.safetensors", "--converter", "x")[0] == 2


def test_the_sha256_of_the_file_itself_is_checked(snapshot):
    right = checksums.sha256(snapshot)
    StyleGAN2.pretrained(snapshot, sha256=right)
    with pytest.raises(BadWeights, match="sha256"):
        StyleGAN2.pretrained(snapshot, sha256="0" * 64)


def test_stored_noise_needs_weights_that_have_it():
    with pytest.raises(BadWeights, match="no noise maps"):
        StyleGAN2.pretrained("faces64", noise="stored")


class Anything(Converter):
    """Recognises all there is."""

    def recognise(self, tree):
        return True

    def convert(self, tree):
        raise AssertionError("it was not clear which converter to take")


def test_a_file_that_two_converters_read_is_refused(snapshot, monkeypatch):
    where = f"{__name__}:Anything"
    both = Component("converter", "anything", where, "invprob.params:Params", "All there is.")
    entries = (*registry().entries, Entry("stranger", both))
    monkeypatch.setattr(formats, "registry", lambda: Registry(entries))
    with pytest.raises(BadWeights, match="several converters") as caught:
        formats.convert(snapshot)
    assert "anything or nvlabs-stylegan2" in caught.value.hint
