"""The suites of DPS's and DAPS's tasks run end to end on networks of random weights."""

import json
import re

import pytest
import torch

import invprob
from invprob import cli
from invprob.bench import session, suite_file
from invprob.bench.execution import executors
from invprob.config.registry import registry
from invprob.io import images
from tests.bench.conftest import WorkerHere
from tests.benchmarks.test_studies import STUDIES
from tests.plugins.dps.guided_diffusion.guided_layout import UNet, random_unet

SHORT = {
    "steps=1000": "steps=2",
    "levels=200": "levels=2",
    "ode_steps=5": "ode_steps=1",
    ",steps=100": ",steps=2",
    "start=50": "start=0.1",
}
"""Networks of random weights denoise nothing, so the way does not begin at the greatest levels."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a suite with a network of that shape on so many pictures; its lines of results."""
    monkeypatch.setattr(executors, "Worker", WorkerHere)

    def run(name, spec, size, count, tasks=None):
        torch.save(random_unet(spec), tmp_path / "theirs.pt")
        ours = tmp_path / "ours.safetensors"
        reads = f"guided-diffusion:image_size={size},head_channels={spec.head}"
        words = ["convert", tmp_path / "theirs.pt", ours, "--license", "none"]
        assert cli.call([*map(str, words), "--converter", reads]) == 0
        for k, face in enumerate(invprob.datasets.faces(count)):
            large = torch.nn.functional.interpolate(face[None], (size, size))[0]
            images.write_png(tmp_path / "pictures" / f"{k}.png", large)
        text = (STUDIES / name).read_text(encoding="utf-8")
        for long, short in SHORT.items():
            text = text.replace(long, short)
        text = text.replace("weights=ffhq-ddpm", f"weights={ours}")
        text = text.replace("box=128x128", f"box={size // 2}x{size // 2}")
        text = re.sub(r"^images = .*$", f'images = ["{tmp_path / "pictures"}"]', text, flags=re.M)
        (tmp_path / name).write_text(text)
        suite = suite_file.read(tmp_path / name, registry())
        if tasks is not None:
            suite = suite.model_copy(update={"operators": tasks})
        bench = session.prepare(suite, tmp_path, tmp_path / "out", registry())
        outcome = session.run(bench, registry(), session.Place(), 300, "again", session.Watch())
        assert outcome.failures == []
        told = json.loads((tmp_path / "out" / "results.json").read_text())
        assert len(told["lines"]) == len(suite.tasks) * len(suite.method)
        return told["lines"]

    return run


def test_linear_clipped_and_poisson_tasks_run(run):
    tasks = ("inpaint:keep=0.08", "clip:gain=2,pivot=0.5")
    lines = run("ffhq256.toml", UNet(multipliers=(1,), attention=()), 32, 1, tasks)
    assert {line["method"] for line in lines} == {"dps", "daps"}
    assert sum("poisson" in line["task"] for line in lines) == 4


def test_phase_retrieval_is_compared_up_to_symmetries(run):
    lines = run("ffhq256-phase.toml", UNet(multipliers=(1,), attention=()), 32, 1)
    assert all("psnr_aligned_best_chi2" in line["values"] for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ffhq256.toml", "ffhq256-phase.toml"])
def test_a_whole_suite_runs_on_a_narrow_network_of_the_published_layout(run, name):
    lines = run(name, UNet(32, (1, 1, 2, 2, 4, 4), 1, (4,), 16), 64, 3)
    assert all(value["n"] == 3 for line in lines for value in line["values"].values())
