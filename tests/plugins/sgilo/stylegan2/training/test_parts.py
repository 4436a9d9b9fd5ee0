import os
import subprocess
import sys
import zipfile

import pytest
import torch

from invprob import seeds
from invprob.analysis.sliced_wasserstein import laplacian_pyramid, sliced_wasserstein
from invprob.errors import BadInput
from invprob.io import image_dataset
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Carry
from invprob_sgilo.stylegan2.training.augment import Augment, recolour, warp
from invprob_sgilo.stylegan2.training.losses import mixed_styles, path_length
from invprob_sgilo.stylegan2.training.params import GeneratorTraining
from invprob_sgilo.stylegan2.training.train import train as train_generator
from tests.plugins.sgilo.conftest import ARCH

TINY = {
    "kimg": 1,
    "batch": 4,
    "channel_base": 64,
    "channel_max": 8,
    "z_dim": 8,
    "w_dim": 8,
    "mapping_layers": 2,
    "precision": "float32",
    "held_out": 0.2,
    "augment": "adaptive",
    "snapshot_kimg": 1,
}


def steps(iterator, count):
    """Run a trainer for `count` records, then close it as Ctrl-C does."""
    seen = [next(iterator) for _ in range(count)]
    iterator.close()
    return seen


def tensors_of(state):
    return {n: v for k in ("G", "D", "ema") for n, v in state[k].items()}


def test_a_generator_training_is_taken_up_with_the_same_bits(picture_folder, tmp_path):
    params = GeneratorTraining(**TINY)
    steps(train_generator(params, picture_folder, tmp_path / "whole"), 2)
    steps(train_generator(params, picture_folder, tmp_path / "parts"), 1)
    steps(train_generator(params, picture_folder, tmp_path / "parts"), 1)
    whole, parts = (
        torch.load(tmp_path / n / "checkpoint.pt", weights_only=True) for n in ("whole", "parts")
    )
    assert whole["step"] == parts["step"] == 20
    for (name, a), b in zip(tensors_of(whole).items(), tensors_of(parts).values(), strict=True):
        assert torch.equal(a, b), name
    assert whole["augment"] == parts["augment"]


def test_a_training_with_other_parameters_is_not_taken_up(picture_folder, tmp_path):
    steps(train_generator(GeneratorTraining(**TINY), picture_folder, tmp_path), 1)
    other = GeneratorTraining(**{**TINY, "lr": 0.01})
    with pytest.raises(BadInput, match="other parameters"):
        next(train_generator(other, picture_folder, tmp_path))


@pytest.mark.slow
def test_a_generator_learns_discs(picture_folder, tmp_path):
    wider = {"channel_base": 512, "channel_max": 16, "batch": 8, "augment": "none", "held_out": 0.4}
    params = GeneratorTraining(**{**TINY, **wider, "kimg": 20, "snapshot_kimg": 2})
    seen = list(train_generator(params, picture_folder, tmp_path))
    distances = [p.figures["SWD"] for p in seen if "SWD" in p.figures]
    assert min(distances) < 0.8 * distances[0]
    assert StyleGAN2.pretrained(tmp_path / "best.safetensors").arch.resolution == 32
    assert all(p.picture.is_file() for p in seen if p.picture)


@pytest.mark.slow
def test_two_processes_train_one_network(picture_folder, tmp_path):
    """Under torchrun each process has its own half of the batch; their networks stay alike."""
    script, given = tmp_path / "go.py", {**TINY, "reconstruction": 10.0}
    script.write_text(
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from invprob_sgilo.stylegan2.training.train import Training, train\n"
        "from invprob_sgilo.stylegan2.training.params import GeneratorTraining\n"
        "runs = []\n"
        "keep = Training.update\n"
        "def update(self, *args):\n"
        "    runs.append(self)\n"
        "    return keep(self, *args)\n"
        "Training.update = update\n"
        f"records = train(GeneratorTraining(**{given!r}), Path({str(picture_folder)!r}),"
        f" Path({str(tmp_path / 'out')!r}))\n"
        "next(records)\n"
        "records.close()\n"
        "G, E = runs[-1].G, runs[-1].reconstruction.E\n"
        "parts = [*G.state_dict().values(), *E.state_dict().values()]\n"
        "total = sum(float(v.double().sum()) for v in parts)\n"
        f"Path({str(tmp_path)!r}, f'sum-{{runs[-1].rank}}').write_text(repr(total))\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", str(script)]
    path = os.pathsep.join(p for p in sys.path if p)
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path}, timeout=300)
    sums = [(tmp_path / f"sum-{rank}").read_text() for rank in (0, 1)]
    assert sums[0] == sums[1]
    state = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 10


def test_whole_folders_are_held_out():
    names = [f"{kind}/{i}.png" for kind in "abcde" for i in range(4)]
    train, validation = image_dataset.split(names, 0.2)
    assert sorted(train + validation) == list(range(20))
    assert len(validation) == 4
    assert len({names[i][0] for i in validation}) == 1


def test_a_zip_is_read_like_its_folder(picture_folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for path in picture_folder.iterdir():
            archive.write(path, f"discs/{path.name}")
    ours, names = image_dataset.read(tmp_path / "p.zip", 3)
    theirs, _ = image_dataset.read(picture_folder, 3)
    assert torch.equal(ours, theirs)
    assert names[0] == "discs/00.png"
    with pytest.raises(BadInput, match="there is no file or folder"):
        image_dataset.read(tmp_path / "nothing.zip", 3)


def test_path_length_is_that_of_the_jacobian():
    G = StyleGAN2(ARCH, seed=5)
    x = mixed_styles(G, 3, 0.5, seeds.stream(1))
    lengths = path_length(G, x, seeds.stream(2))
    direction = torch.randn(3, 3, 32, 32, generator=seeds.stream(2)) / 32
    # a directional difference along the gradient itself
    leaf = x.w.detach().requires_grad_()
    image = G(Carry(w=leaf, noise=x.noise), start=1) * 2 - 1
    (g,) = torch.autograd.grad((image * direction).sum(), leaf)
    assert torch.allclose(lengths, g.square().sum(2).mean(1).sqrt(), rtol=1e-4)
    assert lengths.requires_grad


def test_style_mixing_crosses_over_once():
    G = StyleGAN2(ARCH, seed=5)
    w = mixed_styles(G, 16, 1.0, seeds.stream(3)).w
    changes = (w[:, 1:] - w[:, :-1]).abs().sum(2) > 0
    assert changes.sum(1).tolist() == [1] * 16
    plain = mixed_styles(G, 16, 0.0, seeds.stream(3)).w
    assert torch.equal(plain, plain[:, :1].expand_as(plain))


def test_augmentation_adapts_and_is_differentiable():
    augment = Augment("adaptive")
    for _ in range(8):
        augment.observe(1.0, 1000)
    assert augment.p > 0
    image = torch.rand(4, 3, 16, 16, requires_grad=True)
    augment.at(seeds.stream(1))(image).sum().backward()
    assert torch.isfinite(image.grad).all()
    for _ in range(40):
        augment.observe(-1.0, 1000)
    assert augment.p == 0.0
    assert augment.at(seeds.stream(1))(image) is image


def test_with_probability_zero_nothing_is_augmented():
    image = torch.rand(4, 3, 16, 16)
    assert torch.allclose(warp(image, 0.0, seeds.stream(1)), image, atol=1e-5)
    assert torch.allclose(recolour(image, 0.0, seeds.stream(1)), image, atol=1e-6)
    assert not torch.allclose(warp(image, 1.0, seeds.stream(1)), image, atol=1e-2)


def test_the_distance_of_a_set_to_itself_is_zero_and_grows_with_blur():
    x = torch.rand(64, 3, 32, 32, generator=seeds.stream(4)) * 2 - 1
    y = torch.rand(64, 3, 32, 32, generator=seeds.stream(5)) * 2 - 1
    blurred = torch.nn.functional.avg_pool2d(y, 3, 1, 1)
    same = sliced_wasserstein(x, x)["mean"]
    alike = sliced_wasserstein(x, y)["mean"]
    apart = sliced_wasserstein(x, blurred)["mean"]
    assert same == 0
    assert 0 < alike < 0.8 * apart
    with pytest.raises(ValueError, match="other sizes"):
        sliced_wasserstein(x, y[:3])


def test_a_smooth_image_lives_in_the_lowest_level_of_its_pyramid():
    levels = laplacian_pyramid(torch.full((1, 3, 64, 64), 0.5))
    assert [level.shape[2] for level in levels] == [64, 32, 16]
    assert float(levels[0].abs().max()) < 1e-6
    assert torch.allclose(levels[2], torch.full((1, 3, 16, 16), 0.5))
