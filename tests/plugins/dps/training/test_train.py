import zipfile

import pytest
import torch

from invprob import seeds
from invprob.errors import BadInput, BadParams
from invprob.io import images
from invprob_dps.params import DiffusionTraining
from invprob_dps.prior import PixelDiffusion
from invprob_dps.training.train import train

TINY = {
    "kimg": 1,
    "batch": 20,
    "lr": 2e-3,
    "warmup": 10,
    "channels": (16,),
    "snapshot_kimg": 1,
    "precision": "float32",
    "held_out": 0.2,
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twenty grey pictures of 16×16, each of one brightness, in a zip file."""
    folder = tmp_path_factory.mktemp("grey")
    with zipfile.ZipFile(folder / "set.zip", "w") as archive:
        for i in range(20):
            level = 0.2 + 0.6 * torch.rand(1, generator=seeds.stream(i))
            images.write_png(folder / "x.png", level.expand(3, 16, 16))
            archive.write(folder / "x.png", f"{i:02d}.png")
    return folder / "set.zip"


def finish(pictures, out, **changes):
    *_, last = train(DiffusionTraining(**{**TINY, **changes}), pictures, out)
    return last


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    """A folder of weights that have learned the pictures, and the last record of the training."""
    out = tmp_path_factory.mktemp("trained")
    return out, finish(pictures, out, kimg=4, snapshot_kimg=2)


def test_a_training_learns_and_writes_what_can_be_used(pictures, trained, tmp_path):
    first = next(train(DiffusionTraining(**TINY), pictures, tmp_path / "first"))
    out, last = trained
    assert last.step == last.total == 4000
    assert last.figures["loss"] < 0.6 * first.figures["loss"]
    assert last.figures["held-out loss"] < 0.4
    assert last.picture is not None
    assert images.read(last.picture).shape[0] == 3
    for kind in ("best", "newest"):
        model = PixelDiffusion.pretrained(out / kind)
        assert model.image_shape == (3, 16, 16)
        assert model.prediction == "v_prediction"


def test_a_training_is_taken_up_with_the_same_bits(pictures, tmp_path):
    finish(pictures, tmp_path / "whole")
    records = train(DiffusionTraining(**TINY), pictures, tmp_path / "parts")
    next(records)
    records.close()
    stopped = torch.load(tmp_path / "parts" / "checkpoint.pt", weights_only=True)
    assert stopped["step"] == 10
    finish(pictures, tmp_path / "parts")
    whole, parts = (
        PixelDiffusion.pretrained(tmp_path / k / "newest").net for k in ("whole", "parts")
    )
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(a, b)


def test_other_parameters_are_not_taken_up(pictures, tmp_path):
    records = train(DiffusionTraining(**TINY), pictures, tmp_path)
    next(records)
    records.close()
    with pytest.raises(BadInput, match="other parameters"):
        finish(pictures, tmp_path, lr=1e-3)


def test_impossible_sizes_are_refused(pictures, tmp_path):
    with pytest.raises(BadParams, match="cannot be halved 4 times"):
        finish(pictures, tmp_path / "a", channels=(16,) * 5)
    with pytest.raises(BadInput, match="too few groups"):
        finish(pictures, tmp_path / "b", held_out=0.99)
    assert not list(tmp_path.iterdir())


def test_a_training_starts_from_given_weights(pictures, trained, tmp_path):
    start = str(trained[0] / "newest")
    first = next(train(DiffusionTraining(**TINY | {"start": start}), pictures, tmp_path / "more"))
    assert first.figures["loss"] < 0.4
    with pytest.raises(BadParams, match="another network or prediction"):
        finish(pictures, tmp_path / "other", start=start, channels=(16, 16))
