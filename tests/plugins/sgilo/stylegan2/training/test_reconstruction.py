import pytest
import torch

from invprob import seeds
from invprob.errors import BadInput, BadParams, BadWeights
from invprob.io import image_dataset
from invprob_sgilo.stylegan2.encoder import Encoder
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.training.params import GeneratorTraining
from invprob_sgilo.stylegan2.training.reconstruction import Reconstruction
from invprob_sgilo.stylegan2.training.train import Training, train
from tests.plugins.sgilo.conftest import ARCH
from tests.plugins.sgilo.stylegan2.training.test_parts import TINY, steps

RECONSTRUCTING = {**TINY, "reconstruction": 10.0, "encoded_stage": 3}


def test_it_is_taken_up_with_the_same_bits(picture_folder, tmp_path):
    params = GeneratorTraining(**RECONSTRUCTING)
    steps(train(params, picture_folder, tmp_path / "whole"), 2)
    steps(train(params, picture_folder, tmp_path / "parts"), 1)
    steps(train(params, picture_folder, tmp_path / "parts"), 1)
    whole, parts = (
        torch.load(tmp_path / n / "checkpoint.pt", weights_only=True)["reconstruction"]
        for n in ("whole", "parts")
    )
    assert whole["step"] == parts["step"] == 20
    for name in ("E", "ema"):
        for key, value in whole[name].items():
            assert torch.equal(value, parts[name][key]), (name, key)


def test_the_encoder_is_written_and_read(picture_folder, tmp_path):
    params = GeneratorTraining(**{**RECONSTRUCTING, "batch": 50, "kimg": 1})
    records = list(train(params, picture_folder, tmp_path))
    assert {"dB z", "dB stage 3"} <= records[-1].figures.keys()
    E = Encoder.pretrained(tmp_path / "encoder.safetensors")
    G = StyleGAN2.pretrained(tmp_path / "generator.safetensors")
    images = G(G.sample(3, seeds.stream(1)))
    z, u = E(images)
    assert z.shape == (3, 8)
    x = E.latent(u, G.draw_noise(3, seeds.stream(2)))
    like = G(G.sample(3, seeds.stream(1)), stop=3)
    for name in ("w", "h", "rgb"):
        assert getattr(x, name).shape == getattr(like, name).shape
    assert [n.shape for n in x.noise] == [n.shape for n in like.noise]
    assert G(x, start=3).shape == images.shape


def test_the_style_codes_alone_are_encoded_as_well(picture_folder, tmp_path):
    params = GeneratorTraining(**{**RECONSTRUCTING, "encoded_stage": 1, "batch": 50, "kimg": 1})
    records = list(train(params, picture_folder, tmp_path))
    assert {"dB z", "dB stage 1"} <= records[-1].figures.keys()
    E = Encoder.pretrained(tmp_path / "encoder.safetensors")
    G = StyleGAN2.pretrained(tmp_path / "generator.safetensors")
    images = G(G.sample(3, seeds.stream(1)))
    x = E.latent(E(images)[1], G.draw_noise(3, seeds.stream(2)))
    like = G(G.sample(3, seeds.stream(1)), stop=1)
    assert x.h is None
    assert x.w.shape == like.w.shape
    assert [n.shape for n in x.noise] == [n.shape for n in like.noise]


def test_processes_agree_on_the_units(picture_folder, tmp_path, monkeypatch):
    """What a process has measured is not kept, but the mean of what all have."""

    def mean(training, value):
        return torch.full_like(value, 0.5)

    monkeypatch.setattr(Training, "_mean_over_processes", mean)
    params = GeneratorTraining(**RECONSTRUCTING)
    pictures = image_dataset.load(picture_folder, 3, params)
    training = Training(params, pictures, tmp_path, torch.device("cpu"))
    training.update()
    for name, buffer in training.reconstruction.E.named_buffers():
        if name.endswith(("_mean", "_std")):
            assert bool((buffer == 0.5).all()), name


def test_units_are_the_spread_of_what_the_generator_makes():
    G = StyleGAN2(ARCH, seed=5)
    part = Reconstruction(G, 1.0, 3, 2, 1e-3)
    x = G(G.sample(64, seeds.stream(1)), stop=1)
    part.follow(x)
    like = G(x, start=1, stop=3)
    assert torch.allclose(part.E.h_mean, like.h.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(part.E.h_std, like.h.std((0, 2, 3)), rtol=1e-4)
    assert torch.allclose(part.E.w_std, like.w.std((0, 1)), rtol=1e-4)


@pytest.mark.slow
def test_reconstruction_learns(picture_folder, tmp_path):
    wider = {"channel_base": 512, "channel_max": 16, "batch": 8, "augment": "none"}
    params = GeneratorTraining(**{**RECONSTRUCTING, **wider, "kimg": 12, "snapshot_kimg": 2})
    seen = list(train(params, picture_folder, tmp_path))
    assert seen[-1].figures["dB stage 3"] > seen[0].figures["dB stage 3"] + 5


def test_a_training_begins_with_the_networks_of_another(picture_folder, tmp_path):
    steps(train(GeneratorTraining(**TINY), picture_folder, tmp_path / "first"), 1)
    start = str(tmp_path / "first" / "checkpoint.pt")
    first = torch.load(start, weights_only=True)
    params = GeneratorTraining(**{**RECONSTRUCTING, "start": start, "lr": 1e-12})
    steps(train(params, picture_folder, tmp_path / "second"), 1)
    second = torch.load(tmp_path / "second" / "checkpoint.pt", weights_only=True)
    assert second["step"] == 10
    D = first["D"]["out.weight"]
    assert torch.allclose(second["D"]["out.weight"], D, atol=0.05)
    assert second["opt_g"]["state"][0]["step"] == 2 * first["opt_g"]["state"][0]["step"]
    start = str(tmp_path / "second" / "checkpoint.pt")
    more = GeneratorTraining(**{**RECONSTRUCTING, "start": start, "reconstruction": 40})
    steps(train(more, picture_folder, tmp_path / "more"), 1)
    third = torch.load(tmp_path / "more" / "checkpoint.pt", weights_only=True)
    rates = [
        [state["opt_g"], state["opt_d"], state["reconstruction"]["optimiser"]]
        for state in (second, third)
    ]
    for slow, fast in zip(*rates, strict=True):
        (slow,), (fast,) = slow["param_groups"], fast["param_groups"]
        assert slow["lr"] == pytest.approx(fast["lr"] * 1e-12 / 0.0025)
        assert slow["betas"] == fast["betas"]
    assert (third["step"], third["reconstruction"]["step"]) == (10, 20)
    other = GeneratorTraining(**{**RECONSTRUCTING, "start": start, "channel_max": 4})
    with pytest.raises(BadInput, match="networks of other sizes"):
        next(train(other, picture_folder, tmp_path / "third"))


def test_a_training_begins_with_an_encoder_of_another_stage(picture_folder, tmp_path):
    steps(train(GeneratorTraining(**RECONSTRUCTING), picture_folder, tmp_path / "first"), 1)
    E = Encoder(GeneratorTraining(**RECONSTRUCTING).architecture(32), stage=1, seed=7)
    E.save(tmp_path / "e.safetensors", {})
    begun = {
        "start": str(tmp_path / "first" / "checkpoint.pt"),
        "encoder": str(tmp_path / "e.safetensors"),
    }
    params = GeneratorTraining(**{**RECONSTRUCTING, **begun, "encoded_stage": 1, "lr": 1e-12})
    steps(train(params, picture_folder, tmp_path / "second"), 1)
    saved = torch.load(tmp_path / "second" / "checkpoint.pt", weights_only=True)
    found = saved["reconstruction"]["E"]["to_codes.weight"]
    assert torch.allclose(found, E.state_dict()["to_codes.weight"], atol=1e-2)
    params = GeneratorTraining(**{**RECONSTRUCTING, **begun})
    with pytest.raises(BadParams, match="finds stage 1, not encoded_stage=3"):
        next(train(params, picture_folder, tmp_path / "third"))


def test_a_stage_that_is_not_there_is_refused(picture_folder, tmp_path):
    params = GeneratorTraining(**{**RECONSTRUCTING, "encoded_stage": 9})
    with pytest.raises(BadInput, match="encoded_stage=9 is not within 1 … 4"):
        next(train(params, picture_folder, tmp_path))
    with pytest.raises(BadParams, match="reconstruction"):
        GeneratorTraining.parse({"reconstruction": -1}, "train")


@pytest.mark.parametrize("name", ["encoder", "encoded_stage"])
def test_an_encoder_without_reconstruction_is_refused(name):
    with pytest.raises(BadParams, match=f"{name}=2 has no effect without reconstruction"):
        GeneratorTraining.parse({name: "2"}, "trainer generator")
    GeneratorTraining.parse({name: "2", "reconstruction": 1}, "trainer generator")


def test_one_picture_has_no_two_halves():
    with pytest.raises(BadParams, match="batch=1 has no half"):
        GeneratorTraining.parse({**RECONSTRUCTING, "batch": 1}, "trainer generator")
    assert GeneratorTraining(**{**TINY, "batch": 1}).batch == 1


def test_other_weights_are_not_an_encoder(tmp_path):
    G = StyleGAN2(ARCH, seed=5)
    G.save(tmp_path / "g.safetensors", {})
    with pytest.raises(BadWeights, match="not an encoder"):
        Encoder.pretrained(tmp_path / "g.safetensors")
