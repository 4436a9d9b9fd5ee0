import os
import pickle
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from invprob import seeds
from invprob.errors import BadInput
from invprob.io import image_dataset, images
from invprob.io.image_dataset import below_common_folder
from invprob_sgilo.stylegan2.training.augment import Augment
from invprob_sgilo.stylegan2.training.losses import r1_penalty
from invprob_sgilo.stylegan2.training.train import train
from tests.plugins.sgilo.stylegan2.training.test_parts import TINY, GeneratorTraining


@pytest.fixture
def nested(tmp_path):
    """A folder that holds nothing but one folder of pictures."""
    (tmp_path / "set" / "discs").mkdir(parents=True)
    for i in range(10):
        picture = torch.rand(3, 32, 32, generator=seeds.stream(i))
        images.write_png(tmp_path / "set" / "discs" / f"{i}.png", picture)
    return tmp_path / "set"


def begin(source, out):
    records = train(GeneratorTraining(**TINY), source, out)
    record = next(records)
    records.close()
    return record


def test_a_folder_that_all_pictures_share_tells_no_groups_apart(nested, tmp_path):
    assert below_common_folder(["a/b/1.png", "a/c/2.png"]) == ["b/1.png", "c/2.png"]
    assert below_common_folder(["ab/1.png", "ac/2.png"]) == ["ab/1.png", "ac/2.png"]
    assert below_common_folder(["a/1.png", "2.png"]) == ["a/1.png", "2.png"]
    _, names = image_dataset.read(nested, 3)
    kept, held_out = image_dataset.split(below_common_folder(names), 0.2)
    assert (len(kept), len(held_out)) == (8, 2)
    assert begin(nested, tmp_path / "out").step > 0


def test_nothing_left_to_learn_from_is_said(nested, tmp_path):
    params = GeneratorTraining(**{**TINY, "held_out": 0.99})
    with pytest.raises(BadInput, match="too few groups") as caught:
        next(train(params, nested, tmp_path / "out"))
    assert "held_out=0" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_channels_are_left_at_every_resolution():
    params = GeneratorTraining(**{**TINY, "channel_base": 32})
    assert params.architecture(32).width(32) == 1
    with pytest.raises(BadInput, match="channel_base=32 leaves no channels at 64 pixels"):
        params.architecture(64)


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_damaged_or_foreign_checkpoint_is_refused(nested, tmp_path):
    out = tmp_path / "out"
    begin(nested, out)
    checkpoint = out / "checkpoint.pt"
    whole = checkpoint.read_bytes()
    for damaged in (b"", whole[:1000], whole[: len(whole) // 2], os.urandom(64)):
        checkpoint.write_bytes(damaged)
        with pytest.raises(BadInput, match="damaged"):
            begin(nested, out)
    torch.save({"x": Payload(tmp_path / "ran")}, checkpoint)
    with pytest.raises(BadInput, match="damaged"):
        begin(nested, out)
    checkpoint.write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(BadInput, match="damaged"):
        begin(nested, out)
    assert not (tmp_path / "ran").exists()
    torch.save({"net": torch.ones(1)}, checkpoint)
    with pytest.raises(BadInput, match="something else"):
        begin(nested, out)
    checkpoint.write_bytes(whole)
    assert begin(nested, out).step > 0


def test_the_r1_penalty_passes_through_augmentation():
    """Its gradient with respect to D, a second derivative through the warp, by differences."""
    rng = seeds.stream(9)
    weight = torch.randn(4, 3, 3, 3, generator=rng, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(4, 3, 3, 3, generator=rng, dtype=torch.float64)
    real = torch.rand(4, 3, 16, 16, generator=rng, dtype=torch.float64) * 2 - 1
    augment = Augment("adaptive")
    augment.p = 0.7

    def penalty(shift):
        def judge(image):
            return F.softplus(F.conv2d(image, weight + shift * direction)).square().mean((1, 2, 3))

        return r1_penalty(judge, real, augment.at(seeds.stream(1)))

    (gradient,) = torch.autograd.grad(penalty(0.0), weight)
    slope = float((penalty(1e-5) - penalty(-1e-5)).detach()) / 2e-5
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-6)
