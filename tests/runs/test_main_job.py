"""The main job on the bundled weights and images: solve, write, resume; and README's words."""

import functools
import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.errors import BadWeights, Incompatible
from invprob.io import checksums, images
from invprob.runs.inputs import prepare
from invprob.runs.loop import StopAfter, drive
from invprob.runs.session import resume, solve
from invprob_sgilo.bundled import BUNDLED, bundled_sha256

ROOT = Path(__file__).parents[2]
CONVERGENCE = ("convergence", "r_hat", "ess", "mcse", "undecided", "estimate", "interval_90")
STUCK = ("stuck", "stuck_chains")
SHORT = {
    "csgm": "csgm:steps=6,restarts=2",
    "dps": "dps:steps=6",
    "ilo": "ilo:steps=3,3,3",
    "sgilo": "sgilo:stages=1,3,steps=2,12,anneal=0.25,fisher_probes=2",
}
SHORTEST = {
    "csgm": "csgm:steps=2,restarts=2",
    "dps": "dps:steps=2",
    "ilo": "ilo:steps=1,1,1",
    "sgilo": "sgilo:stages=1,3,steps=1,10,anneal=0.2,fisher_probes=2",
    "sgilo-overdamped": "sgilo:stages=1,3,steps=1,5,anneal=0.2,fisher_probes=2,dynamics=overdamped",
}
"""For what is computed in double precision, which takes long: each kind of step once."""


def experiment(solver, **changes):
    table = {"solver": SHORT.get(solver, solver), "limit": 1, "samples": 2, **changes}
    return Experiment.parse(table).resolve(registry())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The solution of a solver that was not stopped, and its folder: solved once."""

    @functools.cache
    def run(solver):
        out = tmp_path_factory.mktemp(solver) / "run"
        return solve(experiment(solver), registry(), out), out

    return run


@pytest.mark.parametrize("solver", SHORT)
def test_the_whole_run_folder_is_written(solver, finished):
    solution, run = finished(solver)
    names = {p.name for p in run.iterdir()}
    assert names >= {
        *("experiment.toml", "manifest.json", "measurement.safetensors", "result.safetensors"),
        *("metrics.json", "trace.csv", "summary.png", "measurement", "mean", "std", "samples"),
        *("trace.png", *(["diagnostics.json", "draws.safetensors"] if solver == "sgilo" else [])),
    }
    arrays = load_file(run / "result.safetensors")
    assert arrays["samples"].shape == (1, 2, 3, 64, 64)
    assert torch.equal(arrays["mean"], solution.mean)
    table = tomllib.loads((run / "experiment.toml").read_text())
    assert Experiment.parse(table).resolve(registry()) == solution.experiment
    row = json.loads((run / "metrics.json").read_text())["images"][0]
    assert row["psnr_mean"] > 5
    mean = images.read(run / "mean" / f"{solution.names[0]}.png")
    assert torch.allclose(mean, solution.mean[0].clamp(0, 1), atol=1 / 255)


@pytest.mark.parametrize("solver", SHORT)
def test_stopped_anywhere_it_resumes_with_the_same_bits(solver, finished, tmp_path):
    whole, run = finished(solver)
    for stop in (1, 5):
        out = tmp_path / f"stopped-{stop}"
        stopped = solve(experiment(solver), registry(), out, lambda _, at=stop: [StopAfter(at)])
        assert (stopped.complete, stopped.steps) == (False, stop)
        assert "finished" not in json.loads((out / "manifest.json").read_text())
        resumed = resume(registry(), out)
        assert torch.equal(resumed.samples, whole.samples)
        assert torch.equal(resumed.mean, whole.mean)
        assert torch.equal(resumed.std, whole.std)
        traces = [(folder / "trace.csv").read_text() for folder in (run, out)]
        assert traces[0] == traces[1]
        assert resumed.diagnostics == whole.diagnostics
        if whole.draws is not None:
            assert torch.equal(resumed.draws.values, whole.draws.values)
            assert torch.equal(resumed.draws.images, whole.draws.images)


def samples_in_double_precision(solver, paths, samples):
    """The last samples and means of a run whose every number is float64."""
    run = experiment(SHORTEST[solver], images=paths, samples=samples, limit=None)
    parts, data = prepare(run, registry())
    for module in (parts.generator, parts.operator, *parts.priors.values()):
        module.double()
    problem = parts.problem(data.y, run.samples, run.seed)
    problem = replace(problem, y=problem.y.double())
    state = drive(parts.solver, problem)
    with torch.no_grad():
        return data.y, parts.solver.result(problem, state)


@pytest.mark.parametrize("solver", SHORTEST)
def test_two_images_with_two_samples_are_four_single_runs(solver):
    """In float64: kernels of other batch sizes round differently, and chains magnify that.

    Kinetic chains of one measurement share their settings: two images are two runs of two.
    """
    paths = [str(file.path) for file in images.bundled()[:2]]
    y, together = samples_in_double_precision(solver, paths, 2)
    for i in range(2):
        y_alone, pair = samples_in_double_precision(solver, paths[i : i + 1], 2)
        assert torch.equal(y_alone[0], y[i])
        for all_, two in zip(together, pair, strict=True):
            assert torch.allclose(two, all_[2 * i : 2 * i + 2], atol=1e-6)
        if solver == "sgilo":
            continue
        _, single = samples_in_double_precision(solver, paths[i : i + 1], 1)
        for all_, one in zip(together, single, strict=True):
            assert torch.allclose(one, all_[2 * i : 2 * i + 1], atol=1e-6)


OPERATORS = [
    "identity",
    "inpaint:box=24x24",
    "superres:factor=4",
    "blur:sigma=2",
    "colorize",
    "compressed:matrix=circulant,ratio=0.05",
    "compressed:matrix=gaussian,m=200",
    "blur:sigma=1|superres:factor=2",
]


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("noise", ["none", "poisson:gain=0.01"])
def test_every_operator_and_noise_can_be_solved(operator, noise, tmp_path):
    run = experiment("sgilo", operator=operator, noise=noise, samples=1)
    solution = solve(run, registry(), tmp_path / "run")
    assert torch.isfinite(solution.samples).all()
    assert (tmp_path / "run" / "summary.png").is_file()


def test_a_measurement_that_is_degraded_already_is_solved(tmp_path):
    picture = images.bundled()[0].read(3)
    hole = torch.ones(1, 64, 64)
    hole[:, 20:40, 20:40] = 0
    images.write_png(tmp_path / "y.png", picture * hole)
    images.write_png(tmp_path / "hole.png", hole)
    run = experiment(
        "sgilo",
        measurement=str(tmp_path / "y.png"),
        operator=f"inpaint:mask={tmp_path}/hole.png",
        limit=None,
    )
    solution = solve(run, registry(), tmp_path / "run")
    assert solution.truth is None
    assert solution.names == ("y",)
    assert set(solution.metrics[0]) == {"image", "chi2_mean", "chi2_sample", *CONVERGENCE, *STUCK}


def test_the_observed_half_is_sure_and_the_other_is_not(tmp_path):
    run = experiment(
        "sgilo:stages=1,3,steps=30,30,anneal=1", operator="inpaint:half=left", samples=4
    )
    std = solve(run, registry(), tmp_path / "run").std[0].mean(0)
    hole, seen = (std[:, 4:28], std[:, 36:60])
    assert float(seen.mean()) < 0.02
    assert float(hole.mean()) > 2.5 * float(seen.mean())


def test_a_wrong_pairing_is_refused_from_the_manifests():
    with pytest.raises(Incompatible, match=r"sgilo needs a prior with a score; l1-ball offers"):
        experiment("sgilo", prior={"default": "l1-ball"})


def test_a_prior_that_a_solver_does_not_ask_for_is_told():
    with pytest.warns(UserWarning, match=r"^tv asks for no prior, so photo may have no effect$"):
        experiment("tv", prior={"default": "photo"})


def test_a_wrong_sha256_and_a_truncated_file_are_refused(tmp_path):
    with pytest.raises(BadWeights, match="sha256"):
        prepare(experiment("csgm", generator=f"stylegan2:sha256={'0' * 64}"), registry())
    whole = (BUNDLED / "faces64.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:100_000])
    with pytest.raises(BadWeights, match="cannot be read"):
        prepare(
            experiment("csgm", generator=f"stylegan2:weights={tmp_path}/cut.safetensors"),
            registry(),
        )


def test_every_bundled_file_has_its_sum_and_card():
    files = sorted(BUNDLED.glob("*.safetensors"))
    assert files
    for file in files:
        assert bundled_sha256(file) == checksums.sha256(file)
        name = file.stem.split("-score-")[0]
        card = ROOT / "docs" / "reference" / "models" / f"{name}.md"
        assert f"`{file.name}`" in card.read_text()
    assert sum(file.stat().st_size for file in files) < 40 * 2**20


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert "torch.Size([1, 3, 64, 64])" in capsys.readouterr().out


def test_what_the_readme_links_to_exists():
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


@pytest.mark.slow
def test_the_posterior_mean_beats_filling_with_the_mean_colour_by_6_db(tmp_path):
    """The figure that the README's table is about, on the first 32 faces of the test set."""
    faces = ROOT.parent / "shared" / "data" / "faces64-test.zip"
    if not faces.is_file():
        pytest.skip("faces64-test.zip is not at hand (../shared/data)")
    run = Experiment.parse(
        {"images": [str(faces)], "limit": 32, "operator": "inpaint:keep=0.1", "samples": 4}
    ).resolve(registry())
    parts, data = prepare(run, registry())
    colours = data.y.reshape(32, 3, -1)
    mask = parts.operator.adjoint(torch.ones_like(data.y))
    filled = parts.operator.adjoint(data.y) + (1 - mask) * colours.mean(2)[:, :, None, None]
    baseline = -10 * ((filled - data.truth) ** 2).flatten(1).mean(1).log10()
    solution = solve(run, registry(), tmp_path / "run")
    psnr = torch.tensor([row["psnr_mean"] for row in solution.metrics])
    assert float((psnr - baseline).mean()) >= 6
