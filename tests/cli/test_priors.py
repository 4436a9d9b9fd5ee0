"""`invprob invert`, `naturalize` and `sample --prior`, on the bundled weights."""

import json

import pytest
import torch

from invprob.cli import call
from invprob.io import images

SAMPLES = str(images.SAMPLES)


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*args):
        capsys.readouterr()
        status = call(list(args))
        return status, *capsys.readouterr()

    return run


def test_inversions_are_made_once(say, tmp_path):
    line = ["invert", SAMPLES, "--limit", "3", "--set", "steps=4", "--set", "batch=2"]
    status, out, _ = say(*line, "--out", "inv", "--json")
    assert status == 0
    figures = json.loads(out)
    assert figures["images"] == 3
    assert figures["psnr_min"] <= figures["psnr_mean"] <= figures["psnr_max"]
    before = (tmp_path / "inv" / "latents-00001.safetensors").stat().st_mtime_ns
    assert json.loads(say(*line, "--out", "inv", "--json")[1]) == figures
    assert (tmp_path / "inv" / "latents-00001.safetensors").stat().st_mtime_ns == before
    status, _, error = say(*line, "--stage", "3", "--out", "inv")
    assert status == 2
    assert "other images, parameters or weights" in error


def test_pictures_are_naturalised(say, tmp_path):
    line = ["naturalize", SAMPLES, "--limit", "2", "--steps", "5", "--sampler", "ancestral:steps=3"]
    status, out, _ = say(*line, "--out", "nat", "--json")
    assert status == 0
    rows = json.loads(out)["images"]
    assert len(rows) == 2
    assert all(-100 < row["likelihood_natural"] < 10 for row in rows)
    names = [row["image"] for row in rows]
    for name in names:
        assert images.read(tmp_path / "nat" / f"{name}.png").shape == (3, 64, 64)
        assert images.read(tmp_path / "nat" / "inverted" / f"{name}.png").shape == (3, 64, 64)
    height, width = images.read(tmp_path / "nat" / "sheet.png").shape[1:]
    assert height > 2 * 192
    assert width > 3 * 192
    one = ["naturalize", f"{SAMPLES}/{names[1]}.png", *line[4:], "--out", "one", "--json"]
    assert say(*one)[0] == 0
    alone = images.read(tmp_path / "one" / f"{names[1]}.png")
    assert torch.allclose(alone, images.read(tmp_path / "nat" / f"{names[1]}.png"), atol=0.02)


@pytest.mark.parametrize("start", [(), ("--hot", "0.3")])
def test_pictures_are_drawn_from_a_prior(say, tmp_path, start):
    line = ["sample", "--prior", "3=latent-score", "--sampler", "ancestral:steps=4", *start]
    assert say(*line, "--count", "3", "--out", "many", "-q")[0] == 0
    assert say(*line, "--count", "1", "--out", "one", "-q")[0] == 0
    many, one = (images.read(tmp_path / d / "0000.png") for d in ("many", "one"))
    assert torch.allclose(many, one, atol=0.02)
    assert not torch.allclose(many, images.read(tmp_path / "many" / "0001.png"), atol=0.1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sample --prior latent-score", "names no stage"),
        ("sample --prior 1=sphere", "has no score"),
        ("sample --prior 9=latent-score", "[9] do not ascend"),
        ("sample --prior 1=latent-score --sampler heun", "must be 'euler'"),
        ("sample --prior 1=latent-score --sampler ode:corrector=langevin", "takes no corrector"),
        ("sample --prior 1=latent-score --hot 0.0001", "hot 0.0001 is below 0.001, the least time"),
        (f"naturalize {SAMPLES} --strength 0.0001", "strength 0.0001 is below 0.001, the least"),
        ("sample --hot 0.2", "--hot is given without a prior"),
        ("sample --sampler ode", "--sampler is given without a prior"),
        ("naturalize nowhere.png", "nowhere.png"),
        (f"naturalize {SAMPLES} --strength 0", "0"),
        (f"invert {SAMPLES} --set steps=0", "steps"),
        (f"invert {SAMPLES} --set stage", "is not key=value"),
        (f"invert {SAMPLES} --stage 6", "[6] do not ascend"),
    ],
)
def test_what_cannot_work_is_told_in_a_sentence(say, tmp_path, line, said):
    status, _, error = say(*line.split(), "--out", "out")
    assert status == 2
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()
