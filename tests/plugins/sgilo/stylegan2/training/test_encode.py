import pytest
import torch

from invprob import seeds
from invprob.errors import BadInput, BadParams
from invprob.io import tensor_files
from invprob_sgilo.stylegan2.encoder import Encoder
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.training.encode import train
from invprob_sgilo.stylegan2.training.params import EncoderTraining
from tests.plugins.sgilo.conftest import ARCH
from tests.plugins.sgilo.stylegan2.training.test_parts import steps


@pytest.fixture
def tiny(tmp_path):
    G = StyleGAN2(ARCH, seed=5)
    G.save(tmp_path / "g.safetensors", {})
    return {
        "generator": str(tmp_path / "g.safetensors"),
        "kimg": 1,
        "batch": 4,
        "held_out": 0.2,
        "snapshot_kimg": 1,
        "resize": True,
        "precision": "float32",
    }


def test_it_is_taken_up_with_the_same_bits(tiny, picture_folder, tmp_path):
    params = EncoderTraining(**tiny)
    steps(train(params, picture_folder, tmp_path / "whole"), 2)
    steps(train(params, picture_folder, tmp_path / "parts"), 1)
    steps(train(params, picture_folder, tmp_path / "parts"), 1)
    whole, parts = (
        torch.load(tmp_path / n / "checkpoint.pt", weights_only=True) for n in ("whole", "parts")
    )
    assert whole["step"] == parts["step"] == 20
    for name in ("E", "ema"):
        for key, value in whole[name].items():
            assert torch.equal(value, parts[name][key]), (name, key)


@pytest.mark.parametrize("stage", [1, 3])
def test_it_learns_to_show_pictures(stage, tiny, picture_folder, tmp_path):
    params = EncoderTraining(**{**tiny, "stage": stage, "batch": 16})
    seen = list(train(params, picture_folder, tmp_path / "out"))
    assert seen[-1].figures["dB"] > seen[0].figures["dB"] + 0.5
    assert seen[-1].picture.is_file()
    E = Encoder.pretrained(tmp_path / "out" / "encoder.safetensors")
    _, metadata = tensor_files.read(tmp_path / "out" / "encoder.safetensors")
    assert E.stage == stage
    assert len(metadata["generator_sha256"]) == 64


def test_it_is_for_the_weights_that_it_was_trained_for(tiny, picture_folder, tmp_path):
    out, params = tmp_path / "out", EncoderTraining(**{**tiny, "batch": 250})
    list(train(params, picture_folder, out))
    G = StyleGAN2.pretrained(tiny["generator"])
    assert G.encode(out / "encoder.safetensors", torch.zeros(1, *G.image_shape), 1).w.shape[0] == 1
    G = StyleGAN2(ARCH, seed=6)
    G.save(tmp_path / "g.safetensors", {})
    G = StyleGAN2.pretrained(tiny["generator"])
    with pytest.raises(BadParams, match=r"trained for other weights than .*g\.safetensors"):
        G.encode(out / "encoder.safetensors", torch.zeros(1, *G.image_shape), 1)
    longer = params.model_copy(update={"kimg": 2})
    with pytest.raises(BadInput, match="generator_sha256="):
        next(train(longer, picture_folder, out))


def test_the_generator_stays_as_it_is(tiny, picture_folder, tmp_path):
    before = StyleGAN2.pretrained(tiny["generator"]).state_dict()
    steps(train(EncoderTraining(**tiny), picture_folder, tmp_path / "out"), 1)
    for name, value in StyleGAN2.pretrained(tiny["generator"]).state_dict().items():
        assert torch.equal(value, before[name]), name


def test_it_begins_with_the_layers_of_another_that_fit(tiny, picture_folder, tmp_path):
    first = Encoder(ARCH, stage=2, seed=9)
    first.save(tmp_path / "first.safetensors", {})
    given = {"start": str(tmp_path / "first.safetensors"), "lr": 1e-12}
    params = EncoderTraining(**{**tiny, "batch": 50, **given})
    list(train(params, picture_folder, tmp_path / "out"))
    E = Encoder.pretrained(tmp_path / "out" / "encoder.safetensors")
    image = torch.rand(2, 3, ARCH.resolution, ARCH.resolution, generator=seeds.stream(1))
    first = Encoder.pretrained(tmp_path / "first.safetensors")
    assert torch.allclose(E(image)[0], first(image)[0], atol=1e-3)
    assert E(image)[1]["w"].shape[1] == 2 * len(ARCH.resolutions)


def test_another_size_than_the_generators_is_refused(tiny, picture_folder, tmp_path):
    with pytest.raises(BadParams, match="size=16 is not the 32 pixels"):
        next(train(EncoderTraining(**tiny, size=16), picture_folder, tmp_path))
    next(train(EncoderTraining(**tiny, size=32), picture_folder, tmp_path))


def test_a_stage_that_is_not_there_is_refused(tiny, picture_folder, tmp_path):
    with pytest.raises(BadParams, match="stage 9 is not within 1 … "):
        next(train(EncoderTraining(**{**tiny, "stage": 9}), picture_folder, tmp_path))
