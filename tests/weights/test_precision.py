"""precision=auto: measured once on a machine, and written down."""

import json

import pytest
import torch

from invprob import cli
from invprob.weights import precision
from invprob_dps.prior import PixelDiffusion

CPU = torch.device("cpu")


@pytest.fixture
def times(tmp_path, monkeypatch):
    """What a measurement would find; counts how often one is made."""
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "cache"))
    found = {"float32": 1.0, "bfloat16": 0.5}
    made = []

    def measure(device):
        made.append(device)
        return {name: torch.tensor(seconds) for name, seconds in found.items()}

    monkeypatch.setattr(precision, "measure", measure)
    return found, made


def test_it_is_measured_once_for_a_machine(times, monkeypatch):
    found, made = times
    assert [precision.fastest(CPU) for _ in range(2)] == ["bfloat16"] * 2
    assert len(made) == 1
    monkeypatch.setattr(torch, "__version__", "another")
    found["bfloat16"] = 0.95
    assert precision.fastest(CPU) == "float32"
    assert len(made) == 2


def test_a_damaged_answer_is_measured_again(times, tmp_path):
    precision.fastest(CPU)
    (kept,) = (tmp_path / "cache" / "precision").iterdir()
    kept.write_bytes(b"damaged")
    assert precision.fastest(CPU) == "bfloat16"


def test_both_take_time():
    seconds = precision.measure(CPU)
    assert set(seconds) == {"float32", "bfloat16"}
    assert all(float(value) > 0 for value in seconds.values())


@pytest.mark.parametrize("more", [[], ["--batch", "1"]])
def test_a_run_keeps_what_was_chosen(times, tmp_path, monkeypatch, more):
    monkeypatch.chdir(tmp_path)
    line = ["solve", "--solver", "csgm:steps=1", "--generator", "stylegan2:precision=auto", "-q"]
    line += ["--limit", "2", "--samples", "1", "--out", "out", *more]
    assert cli.call(line) == 0
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert facts["settled"]["generator"].endswith("chosen for this machine: precision=bfloat16")
    assert facts["experiment"]["generator"]["precision"] == "bfloat16"
    assert 'precision = "bfloat16"' in (tmp_path / "out" / "experiment.toml").read_text()


def test_a_run_keeps_what_was_chosen_for_a_diffusion(times, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = ["solve", "--solver", "dps:steps=1", "--prior", "pixel-diffusion:precision=auto", "-q"]
    assert cli.call([*line, "--limit", "1", "--samples", "1", "--out", "out"]) == 0
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert facts["settled"]["prior.0"].endswith("chosen for this machine: precision=bfloat16")
    assert facts["experiment"]["prior"]["default"]["precision"] == "bfloat16"
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    times[0]["bfloat16"] = 2.0  # another machine goes on in what was chosen
    assert cli.call(["run", "out/experiment.toml", "--out", "again", "-q"]) == 0
    again = json.loads((tmp_path / "again" / "manifest.json").read_text())
    assert again["experiment"]["prior"]["default"]["precision"] == "bfloat16"
    assert len(times[1]) == 1


def test_a_diffusion_as_a_generator_says_what_was_chosen(times, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = ["solve", "--solver", "csgm:steps=1", "--generator", "ddim:steps=1,precision=auto", "-q"]
    assert cli.call([*line, "--limit", "1", "--samples", "1", "--out", "out"]) == 0
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert facts["experiment"]["generator"]["precision"] == "bfloat16"


@pytest.mark.parametrize(("bfloat16", "dtype"), [(0.5, torch.bfloat16), (2.0, torch.float32)])
def test_a_diffusion_computes_in_what_is_faster(times, bfloat16, dtype):
    times[0]["bfloat16"] = bfloat16
    model = PixelDiffusion.pretrained("faces64-ddpm", precision="auto")
    assert model.dtype == dtype
    assert PixelDiffusion.pretrained("faces64-ddpm").dtype == torch.float32
    assert PixelDiffusion.pretrained("faces64-ddpm").chosen == {}
