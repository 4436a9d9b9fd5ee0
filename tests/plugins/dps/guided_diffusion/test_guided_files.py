"""Files of guided diffusion: the same bits again, strict names, and a prior by path."""

import json
import random
from collections import OrderedDict

import pytest
import torch
from PIL import Image

from invprob import cli
from invprob.errors import BadParams, BadWeights
from invprob.io import checksums, tensor_files
from invprob_dps.guided_diffusion.convert import GuidedDiffusion
from invprob_dps.params import GuidedDiffusionParams, PixelDiffusionParams
from invprob_dps.prior import PixelDiffusion
from tests.plugins.dps.guided_diffusion.guided_equations import predicted
from tests.plugins.dps.guided_diffusion.guided_layout import UNet, random_unet
from tests.plugins.dps.guided_diffusion.test_guided_parity import SIDE, apart, asked, converter
from tests.plugins.test_hostile_trees import ODD


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "ffhq_tiny.pt"
    torch.save(OrderedDict(random_unet(UNet(multipliers=(1, 2), attention=(1,)))), path)
    return path


def run(capsys, *args):
    status = cli.call([str(a) for a in args])
    return status, *capsys.readouterr()


TINY = "guided-diffusion:image_size=16,head_channels=16"


def test_convert_and_reload_gives_the_same_bits(checkpoint, tmp_path, capsys):
    out = [tmp_path / f"{name}.safetensors" for name in "ab"]
    for path in out:
        status, said, _ = run(
            capsys, "convert", checkpoint, path, "--converter", TINY, "--license", "X", "--json"
        )
        assert status == 0
    facts = json.loads(said)
    assert facts["recognised"] == (
        "U-Net of guided diffusion, 3×16×16, channels 32, 64, 1 residual blocks per level,"
        " attention at 8 pixels, learned variances"
        "; assumed: attention_order=legacy, schedule=linear, steps=1000"
    )
    assert out[0].read_bytes() == out[1].read_bytes()
    tensors, metadata = tensor_files.read(out[0])
    made = converter().convert(torch.load(checkpoint, weights_only=True))
    assert tensors.keys() == made.tensors.keys()
    assert all(torch.equal(value, made.tensors[name]) for name, value in tensors.items())
    assert metadata["kind"] == "pixel-diffusion"
    assert metadata["source_sha256"] == checksums.sha256(checkpoint)
    assert metadata["licence"] == "X"
    assert metadata["assumed"] == "attention_order=legacy, schedule=linear, steps=1000"
    net = PixelDiffusion.pretrained(out[0]).net.state_dict()
    assert all(torch.equal(value, net[name]) for name, value in tensors.items())


def test_a_checkpoint_is_taken_by_path(tmp_path):
    """With what its converter assumes: 256 pixels, 64 channels a head."""
    spec = UNet(base=64, multipliers=(1, 1), attention=(), head=64)
    torch.save(random_unet(spec), tmp_path / "w.pt")
    named = PixelDiffusionParams(weights=str(tmp_path / "w.pt"))
    prior = PixelDiffusion.from_params(named, None, 0)
    assert prior.image_shape == (3, 256, 256)
    u, step = asked()
    with torch.no_grad():
        found = prior.net(u, step).sample
    assert apart(found, predicted(spec, random_unet(spec), u, step)) < 1e-5
    right = named.model_copy(update={"sha256": checksums.sha256(tmp_path / "w.pt")})
    PixelDiffusion.from_params(right, None, 0)
    with pytest.raises(BadWeights, match="have sha256"):
        PixelDiffusion.from_params(named.model_copy(update={"sha256": "0" * 64}), None, 0)


def test_a_bare_dictionary_may_be_wrapped_or_prefixed():
    bare = random_unet(UNet())
    wanted = converter().convert(bare).tensors
    prefixed = {f"module.{k}": v for k, v in bare.items()}
    for tree in (
        {"ema": bare},
        {"state_dict": bare, "epoch": 3},
        prefixed,
        {"state_dict": prefixed},
    ):
        assert converter().recognise(tree)
        found = converter().convert(tree).tensors
        assert all(torch.equal(found[name], value) for name, value in wanted.items())
    mixed = {(k if k.startswith("out") else f"module.{k}"): v for k, v in bare.items()}
    assert not converter().recognise(mixed)
    with pytest.raises(BadWeights, match=r"1 unexpected: module\.out"):
        converter().convert({**bare, "module.out": torch.ones(1)})
    assert not converter().recognise({k: v for k, v in bare.items() if "output" not in k})


def test_half_precision_becomes_single():
    tensors = random_unet(UNet())
    halved = {k: v.half() for k, v in tensors.items()}
    found = converter().convert(halved).tensors
    assert {value.dtype for value in found.values()} == {torch.float32}
    assert torch.equal(found["conv_in.weight"], halved["input_blocks.0.0.weight"].float())


def drop(*names):
    return lambda w: [w.pop(k) for k in list(w) if any(k.startswith(name) for name in names)]


def put(name, *shape):
    return lambda w: w.update({name: torch.ones(shape)})


FAULTS = {
    "missing": (drop("middle_block.1.proj_out.bias"), "1 missing: middle_block.1.proj_out.bias"),
    "unexpected": (put("out.3.weight", 2), r"1 unexpected: out\.3\.weight"),
    "misshapen": (put("out.0.weight", 31), r"out.0.weight \(31,\) for \(32,\)"),
    "3×3 skip": (put("input_blocks.3.0.skip_connection.weight", 64, 32, 3, 3), "1 of ano"),
    "no tensor": (lambda w: w.update({"out.2.bias": 3}), "out.2.bias is not a tensor"),
    "not finite": (lambda w: w["out.2.bias"].fill_(torch.nan), r"out\.2\.bias holds numbers"),
    "classes": (put("label_emb.weight", 10, 128), "conditional on classes"),
    "no attention in the middle": (drop("middle_block.1"), "6 missing"),
    "attention in a part of a level": (drop("output_blocks.0.1"), "6 missing: output_blocks.0.1"),
    "resampling without weights": (drop("input_blocks.2."), "cannot resample without weights"),
    "widths": (put("time_embed.0.weight", 128, 16), "16 numbers, the first level has 32"),
    "channels in": (put("input_blocks.0.0.weight", 32, 6, 3, 3), "takes 6 channels"),
    "channels out": (put("out.2.weight", 9, 32, 3, 3), "makes 9 channels of 3"),
    "groups": (put("input_blocks.5.0.out_layers.3.weight", 48, 48, 3, 3), "multiples of 32"),
    "not the mirror": (drop("output_blocks.5."), "not the mirror"),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_weights_that_do_not_fit_are_refused_by_name(tmp_path, what):
    harm, message = FAULTS[what]
    tensors = random_unet(UNet(head=64))
    harm(tensors)
    torch.save(tensors, tmp_path / "w.pt")
    with pytest.raises(BadWeights, match=message):
        PixelDiffusion.pretrained(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"image_size": 30, "head_channels": 16}, "30 pixels cannot be halved 2 times"),
        ({"head_channels": 48}, "64 channels has no heads of 48"),
        ({"num_heads": 5}, "64 channels has no 5 heads"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(params, message):
    with pytest.raises(BadWeights, match=message) as caught:
        GuidedDiffusion(GuidedDiffusionParams(**params)).convert(random_unet(UNet()))
    assert "--converter guided-diffusion:" in caught.value.hint


def test_all_that_is_said_is_not_assumed():
    said = {"image_size": 16, "num_heads": 4, "attention_order": "legacy", "schedule": "linear"}
    made = GuidedDiffusion(GuidedDiffusionParams(**said, steps=1000)).convert(random_unet(UNet()))
    assert "assumed" not in made.summary + str(made.metadata)
    with pytest.raises(BadWeights, match="both given"):
        GuidedDiffusion(GuidedDiffusionParams(**said, head_channels=16)).convert(
            random_unet(UNet())
        )


def test_one_thing_may_be_another():
    rng, unknown, said = random.Random(0), 0, []
    bare = random_unet(UNet(multipliers=(1, 1), attention=()))
    for _ in range(200):
        tree = {**bare}
        tree[rng.choice([*bare, "more", 3, None, "state_dict", "module.x"])] = rng.choice(ODD)
        if rng.random() < 0.2:
            tree = {"state_dict": rng.choice([tree, tree, *ODD])}
        if not converter().recognise(tree):
            unknown += 1
            continue
        try:
            converter().convert(tree)
        except BadWeights as refusal:
            said.append(refusal.message)
    assert all(message.isprintable() for message in said)
    assert len(said) > 100
    assert unknown > 0


def test_a_known_checkpoint_that_is_not_here_is_told_where_to_get(tmp_path, monkeypatch):
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path))
    with pytest.raises(BadWeights, match="no diffusion model 'ffhq-ddpm'") as caught:
        PixelDiffusion.pretrained("ffhq-ddpm")
    assert "get ffhq_10m.pt from https://" in caught.value.hint


def changed(path, **metadata):
    tensors, told = tensor_files.read(path)
    tensor_files.write(path, tensors, {**told, **metadata})


def test_files_of_another_kind_or_config_are_refused(checkpoint, tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    run(capsys, "convert", checkpoint, path, "--converter", TINY, "-q")
    named = PixelDiffusionParams(weights=str(path))
    config = json.loads(tensor_files.read(path)[1]["config"])
    for told, message in (
        ({"config": {**config, "layers_per_block": 2}}, "do not fit the architecture: .* missing"),
        ({"config": {**config, "layers_per_block": 10**9}}, r"it has 2000000000 layers and \d+ te"),
        ({"config": {**config, "norm_num_groups": 7}}, "describe no pixel diffusion"),
        ({"config": "["}, "describe no pixel diffusion"),
        ({"scheduler": {"beta_schedule": "x"}, "config": config}, "describe no pixel diffusion"),
        ({"config": config, "heads": 7}, "describe no pixel diffusion: 64 channels in 7 heads"),
        ({"heads": 0}, "describe no pixel diffusion"),
        ({"scheduler": {"prediction_type": "x"}, "config": config, "heads": 1}, "predicts x"),
        ({"scheduler": {"num_train_timesteps": 10**9}}, "1000000000 steps of training"),
        ({"kind": "stylegan2"}, "are not a pixel diffusion"),
    ):
        changed(path, **told)
        with pytest.raises(BadWeights, match=message):
            PixelDiffusion.from_params(named, None, 0)


def test_a_size_that_the_network_cannot_halve_is_a_fault_of_the_size(checkpoint):
    named = PixelDiffusionParams(weights=str(checkpoint), height=9)
    with pytest.raises(BadParams, match="halves images 1 times, which 256×9 pixels"):
        PixelDiffusion.from_params(named, None, 0)


def test_a_converted_file_solves(checkpoint, tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    assert run(capsys, "convert", checkpoint, path, "--converter", TINY, "-q")[0] == 0
    picture = torch.randint(256, (SIDE, SIDE, 3), generator=torch.Generator().manual_seed(0))
    Image.fromarray(picture.byte().numpy()).save(tmp_path / "p.png")
    status, said, _ = run(
        capsys, "solve", tmp_path / "p.png", "--solver", "dps:steps=2", "--operator", "superres",
        "--prior", f"pixel-diffusion:weights={path}", "--out", tmp_path / "run", "--json",
    )  # fmt: skip
    assert status == 0, said
    assert json.loads(said)["images"][0]["psnr_mean"] is not None
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["assumed"] == {"prior.0": "attention_order=legacy, schedule=linear, steps=1000"}
