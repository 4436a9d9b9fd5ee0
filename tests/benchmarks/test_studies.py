"""The suites of the studies run, with hardly any pictures and steps; the record has tables."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest
import torch

from invprob.bench import session, suite_file
from invprob.bench.execution import executors
from invprob.bench.methods import Method, Override
from invprob.bench.suite import Suite
from invprob.config.registry import registry
from invprob.io import images
from tests.bench.conftest import WorkerHere

STUDIES = Path(__file__).parents[2] / "benchmarks" / "studies"
SAMPLES = Path(images.__file__).parent / "samples"
SUITES = sorted(path.name for path in STUDIES.glob("*.toml"))
LITERATURE = {"ffhq256.toml", "ffhq256-phase.toml"}  # tests/benchmarks/test_literature.py
PHANTOMS = {"ct-phantoms.toml", "mri-phantoms.toml"}


@pytest.fixture
def read(tmp_path):
    """A suite of the studies on the bundled pictures, whatever its own are."""

    def read(name: str) -> Suite:
        text = (STUDIES / name).read_text(encoding="utf-8")
        path = tmp_path / name
        path.write_text(re.sub(r"^images = .*$", f'images = ["{SAMPLES}"]', text, flags=re.M))
        return suite_file.read(path, registry())

    return read


def shortened(suite: Suite, pictures: int) -> Suite:
    """A few pictures, two tasks, and a few steps of every method."""
    operators = [suite.operators[0], suite.operators[-1]]

    def short(method: Method) -> Method:
        rules = []
        for task in suite.tasks:
            solver = suite.experiment(method, task, 0, registry()).solver
            if solver.name == "gaussian":
                continue
            rounds, anneal = solver.params["steps"], solver.params.get("anneal", 1)
            last = 2 if anneal == 1 else 10  # Langevin begins after seven steps
            staged = isinstance(rounds, tuple)
            steps = ",".join([*["1"] * (len(rounds) - 1), str(last)]) if staged else 2
            changes = [f"solver.steps={steps}"]
            if "fisher_probes" in solver.params:
                changes += ["solver.fisher_probes=2"]
                if anneal not in (0, 1):
                    changes += ["solver.anneal=0.2"]
            rules.append(Override(operator=task.operator, set=tuple(changes)))
        return method.model_copy(update={"override": (*method.override, *rules)})

    changes = {"operators": tuple(operators), "task": (), "limit": pictures, "samples": 2}
    return suite.model_copy(update={**changes, "method": tuple(map(short, suite.method))})


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(executors, "Worker", WorkerHere)
    return run_suite


def run_suite(suite: Suite, out: Path) -> dict:
    bench = session.prepare(suite, STUDIES, out, registry())
    outcome = session.run(bench, registry(), session.Place(), 300, "again", session.Watch())
    assert outcome.failures == []
    return json.loads((out / "results.json").read_text())


@pytest.mark.parametrize("name", SUITES)
def test_the_suites_of_the_studies_are_sound(read, name):
    assert read(name).tasks


@pytest.mark.parametrize("domain", ["faces64", "fruits64"])
def test_the_claim_has_its_settings_by_group_and_its_baseline(read, domain):
    suite = read(f"claim-{domain}.toml")
    assert suite.labels == (
        "sgilo", "sgilo, no representation error", "sgilo, no Langevin", "sgilo, no annealing",
        "ilo", "csgm z", "csgm w", "dps", "dps, equal seconds", "gaussian", "tv", "wavelet",
    )  # fmt: skip
    groups = suite.tasks_by_group()
    assert [len(tasks) for tasks in groups.values()] == [5, 5]
    assert sorted([*groups["few"], *groups["more"]]) == sorted(t.name for t in suite.tasks)
    assert len(suite.seeds) == 8
    assert suite.samples == 16
    for label, anneal in (("sgilo, no Langevin", {1.0}), ("sgilo, no annealing", {0.0})):
        method = suite.method[suite.labels.index(label)]
        found = [suite.experiment(method, t, 0, registry()).solver for t in suite.tasks]
        assert {solver.params["anneal"] for solver in found} == anneal


@pytest.mark.parametrize("domain", ["faces64", "fruits64"])
def test_every_solver_is_tuned_by_as_many_settings(read, domain):
    suite = read(f"tuning-{domain}.toml")
    counts: dict[str, int] = {}
    for label in suite.labels:
        solver = label.partition(",")[0]
        counts[solver] = counts.get(solver, 0) + 1
    assert counts == dict.fromkeys(["sgilo", "ilo", "csgm z", "csgm w", "dps", "tv", "wavelet"], 6)
    claimed = {m.label.partition(",")[0] for m in read(f"claim-{domain}.toml").method}
    assert claimed == {*counts, "gaussian"}  # which has nothing to tune


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("claim-faces64.toml", 1),
        *(
            pytest.param(n, 2, marks=pytest.mark.slow)
            for n in SUITES
            if n not in LITERATURE | PHANTOMS
        ),
    ],
)
def test_a_study_runs_from_suite_to_tables(read, run, tmp_path, name, pictures):
    suite = shortened(read(name), pictures)
    told = run(suite, tmp_path / "out")
    assert {line["method"] for line in told["lines"]} == set(suite.labels)
    assert len(told["lines"]) == 2 * len(suite.method)
    assert told["origin"].startswith("Computed ")
    text = (tmp_path / "out" / "table.md").read_text()
    assert "## PSNR mean" in text
    for line in told["lines"]:
        assert {"psnr_mean", "psnr_last", "psnr_random", "psnr_best_chi2"} <= set(line["values"])
        alone = line["method"] in ("tv", "wavelet") and name.startswith("claim")
        assert line["values"]["mean_samples"]["mean"] >= (1 if alone else 2)


@pytest.mark.parametrize(
    ("study", "says"),
    [
        ("claim-faces64", "| 64 | **21.33** | 20.95 | 20.55 | 19.91 | -0.38 [-0.60, -0.17] |"),
        ("claim-fruits64", "| 64 | **17.79** |"),
        ("claim-fruits64-seen", "| sgilo | **27.53** |"),
        ("tuning-faces64", "| **sgilo** | 20.85 | 22.80 | 22.97 | 25.75 | 20.89 | 22.65 |"),
        ("defaults", "| 4 | 25.03 | 23.99 | 22.04 | **26.19** |"),
        ("noise-level", "| 2 |"),
        ("dps-passes", "| 8 |"),
        ("mri-phantoms", "| 4 | 20.22 | 28.15 | 25.17 | **30.97** |"),
        ("ct-phantoms", "| 2 | 5.64 | 27.10 | 26.57 | **29.85** |"),
        ("pnp-momentum", "| 12 | 36.71 | **36.74** | +0.03 [+0.00, +0.05] |"),
        ("photographs", "| 38 | **38.60** | 34.28 | 35.24 | +3.36 [+3.17, +3.58] |"),
    ],
)
def test_the_record_is_printed(monkeypatch, capsys, study, says):
    monkeypatch.setattr(sys, "argv", ["record.py", study])
    monkeypatch.syspath_prepend(str(STUDIES))
    runpy.run_path(str(STUDIES / "record.py"), run_name="__main__")
    assert says in capsys.readouterr().out


def test_the_study_of_sensors_prints_a_line_per_picture(tmp_path, capsys):
    study = runpy.run_path(str(STUDIES / "sensors.py"))
    images.write_png(tmp_path / "grey.png", torch.full((3, 20, 24), 0.4))
    kept = ["--csv", str(tmp_path / "rows.csv")]
    for count, size in enumerate((16, 18), 1):
        study["main"](["--images", str(tmp_path / "grey.png"), "--size", str(size), *kept])
        assert capsys.readouterr().out.count("| grey") == len(study["SENSORS"])
        # rows of another size are not those of this one
        rows = (tmp_path / "rows.csv").read_text().splitlines()
        assert len(rows) == 1 + count * len(study["SENSORS"])
    assert study["scene"](24).shape == (3, 24, 24)


@pytest.mark.parametrize("name", sorted(PHANTOMS))
def test_phantoms_are_measured_and_solved(run, tmp_path, name):
    recipe = runpy.run_path(str(STUDIES.parent / "recipes" / "phantoms.py"))
    recipe["main"]([str(tmp_path / "phantoms"), "--size", "16", "--count", "2"])
    text = (STUDIES / name).read_text(encoding="utf-8")
    for method in ("tv", "wavelet", "pnp"):
        text = text.replace(f'solver = "{method}"', f'solver = "{method}:steps=2"')
    (tmp_path / name).write_text(text)
    suite = suite_file.read(tmp_path / name, registry())
    suite = suite.model_copy(update={"operators": suite.operators[:1], "limit": 1})
    bench = session.prepare(suite, tmp_path, tmp_path / "out", registry())
    outcome = session.run(bench, registry(), session.Place(), 300, "again", session.Watch())
    assert outcome.failures == []
    told = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [line["method"] for line in told["lines"]] == ["pinv", "tv", "wavelet", "pnp"]


def test_the_first_phantom_is_that_of_shepp_and_logan_and_others_vary():
    phantom = runpy.run_path(str(STUDIES.parent / "recipes" / "phantoms.py"))["phantom"]
    first, second = phantom(64, 0), phantom(64, 1)
    assert first.shape == (1, 64, 64)
    assert float(first.max()) == 1
    assert float(first[0, 32, 32]) == pytest.approx(0.2, abs=1e-6)
    assert not first.allclose(second)
