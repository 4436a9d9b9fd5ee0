"""Whole command lines: solve, run, resume, sample and train on the toys."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.cli.conftest import INVPROB, WALK, Invoke

FILES = [
    ".lock",
    "checkpoint.pt",
    "experiment.toml",
    "manifest.json",
    "mean",
    "measurement",
    "measurement.safetensors",
    "metrics.json",
    "restored.png",
    "result.safetensors",
    "samples",
    "std",
    "summary.png",
    "trace.csv",
    "trace.png",
]
DRAWN = ["diagnostics.json", "draws", "draws.safetensors", "lower", "median", "undecided", "upper"]


def _same(a: Path, b: Path) -> bool:
    one, two = (safetensors.torch.load_file(p / "result.safetensors") for p in (a, b))
    return all(torch.equal(one[key], two[key]) for key in ("samples", "mean", "std"))


def test_solve_reports_and_writes_the_folder(invoke: Invoke, photo: Path, tmp_path: Path) -> None:
    said = invoke("solve", photo, *WALK, "--out", "out")
    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0].split("  ") == [
        "image",
        "PSNR mean",
        "SSIM mean",
        "PSNR sample",
        "χ² mean",
        "χ² sample",
    ]
    row = lines[2].split()
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())["images"][0]
    assert row[0] == "photo"
    assert row[1] == f"{figures['psnr_mean']:.2f}"
    assert row[4] == f"{figures['chi2_mean']:.2f}"
    assert lines[3] == "PSNR in dB; χ² in units of the noise, 1 = noise level"
    assert lines[-3].endswith("for 1 image × 2 samples")
    assert lines[-2:] == ["out", "out/summary.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    assert len(list((tmp_path / "out" / "samples").iterdir())) == 2


def test_a_fit_far_above_the_noise_is_a_red_sentence(
    invoke: Invoke, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invprob.analysis.fit.FAR_ABOVE_NOISE", 0.1)
    said = invoke("solve", photo, *WALK, "--out", "out")
    line = next(line for line in said.out.splitlines() if line.startswith("photo: χ²"))
    assert line.endswith(": this model cannot show this picture")


def test_chains_are_judged(invoke: Invoke, photo: Path, tmp_path: Path) -> None:
    other = photo.with_name("other.png")
    other.write_bytes(photo.read_bytes())
    walk = (*WALK, "--set", "solver.steps=60", "--set", "solver.burn=20")
    said = invoke("solve", photo, other, *walk, "--out", "out")
    several = ["restored" if name == "restored.png" else name for name in FILES]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(several + DRAWN)
    rows = json.loads((tmp_path / "out" / "metrics.json").read_text())["images"]
    assert 0 < rows[0]["coverage_90"] <= 1
    lines = said.out.splitlines()
    assert lines[0].split("  ")[-2:] == ["R-hat", "ESS"]
    assert lines[2].split()[-2:] == [f"{rows[0]['r_hat']:.2f}", f"{rows[0]['ess']:.0f}"]
    assert lines[5].split()[-2:] == ["–", "–"]
    assert lines[7].startswith(f"chains of 2 images: 2 {rows[0]['convergence']}; R-hat and ESS")
    report = json.loads((tmp_path / "out" / "diagnostics.json").read_text())
    assert (report["chains"], report["draws_per_chain"]) == (2, 40)
    assert report["images"]["other"]["r_hat"] == rows[1]["r_hat"]
    worst = max(f["r_hat"] for f in report["images"]["photo"]["functionals"].values())
    assert worst == rows[0]["r_hat"]


def test_a_chain_alone_is_not_assessed(invoke: Invoke, photo: Path) -> None:
    walk = (*WALK, "--samples", "1", "--set", "solver.burn=0")
    said = invoke("solve", photo, *walk, "--out", "out")
    assert "chains not assessed (1 chain); R-hat needs 2 chains of 20 draws" in said.out
    row = json.loads(invoke("resume", "out", "--json").out)["images"][0]
    assert (row["convergence"], row["r_hat"]) == ("not assessed (1 chain)", None)


def test_a_row_of_means_for_several_images(invoke: Invoke, photo: Path) -> None:
    other = photo.with_name("other.png")
    other.write_bytes(photo.read_bytes())
    said = invoke("solve", photo, other, *WALK, "--out", "out")
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["photo", "other"]
    assert set(lines[4]) == {"─"}
    assert lines[5].split()[0] == "mean"
    assert "for 2 images × 2 samples" in said.out


def test_without_truth_only_chi2_is_shown(invoke: Invoke, photo: Path) -> None:
    said = invoke("solve", "--measurement", photo, *WALK, "--out", "out")
    assert said.out.splitlines()[0] == "image  χ² mean  χ² sample"
    assert "PSNR" not in said.out


def test_without_noise_there_is_no_chi2(invoke: Invoke, photo: Path) -> None:
    walk = (*WALK, "--noise", "none", "--set", "solver.lr=1e-4")
    assert invoke("solve", photo, *walk, "--out", "a").status == 0
    said = invoke("solve", photo, *walk, "--out", "b", "--json")
    assert json.loads(said.out)["images"][0]["chi2_mean"] is None


def test_json(invoke: Invoke, photo: Path) -> None:
    said = invoke("solve", photo, *WALK, "--out", "out", "--json")
    result = json.loads(said.out)
    assert result["out"] == "out"
    assert result["solver"] == "walk"
    assert result["seconds"] > 0
    assert result["images"][0]["image"] == "photo"
    assert result["images"][0]["psnr_mean"] > 0


def test_quiet(invoke: Invoke, photo: Path) -> None:
    said = invoke("solve", photo, *WALK, "--out", "out", "--quiet")
    assert (said.status, said.out, said.err) == (0, "", "")


def test_plain_lines_where_there_is_no_terminal(
    invoke: Invoke, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invprob.cli import meter

    assert len(invoke("solve", photo, *WALK, "--out", "a").err.splitlines()) == 1
    monkeypatch.setattr(meter, "LINE_SECONDS", 0.0)
    lines = invoke("solve", photo, *WALK, "--out", "b").err.splitlines()
    assert len(lines) == 20
    assert lines[0].startswith("step 1/20: stage 0, χ² ")
    assert " (1 = noise level), " in lines[0]
    assert lines[0].endswith(" left")
    assert lines[-1].startswith("step 20/20: ")
    assert "\x1b" not in "".join(lines)


def test_default_folder(invoke: Invoke, photo: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert invoke("solve", photo, *WALK, "--quiet").status == 0
    names = [path.name for path in (tmp_path / "runs").iterdir()]
    assert len(names) == 2
    assert all("-walk-mask" in name for name in names)


def test_dry_run_prints_what_run_takes(invoke: Invoke, photo: Path, tmp_path: Path) -> None:
    said = invoke("solve", photo, *WALK, "--set", "generator.scale=0.2", "--dry-run")
    assert said.status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]
    (tmp_path / "e.toml").write_text(said.out)
    assert invoke("run", "e.toml", "--dry-run").out == said.out
    assert 'name = "linear"\nscale = 0.2' in said.out
    invoke("run", "e.toml", "--set", "solver.steps=7", "--out", "a", "--quiet")
    invoke("solve", photo, *WALK, "--solver", "walk:steps=7", "--generator", "linear:scale=0.2",
           "--out", "b", "--quiet")  # fmt: skip
    assert (tmp_path / "a" / "experiment.toml").read_text() == (
        tmp_path / "b" / "experiment.toml"
    ).read_text()
    assert _same(tmp_path / "a", tmp_path / "b")


def test_bundled_samples_are_limited(invoke: Invoke) -> None:
    assert "limit = 2\n" in invoke("solve", *WALK, "--dry-run").out
    assert "limit = 3\n" in invoke("solve", *WALK, "--dry-run", "--limit", "3").out
    assert "limit" not in invoke("solve", "a.png", *WALK, "--dry-run").out


def test_priors_by_stage(invoke: Invoke) -> None:
    toml = invoke("solve", *WALK, "--prior", "normal", "--prior", "1=normal", "--dry-run").out
    assert '[prior.default]\nname = "normal"' in toml
    assert '[prior.1]\nname = "normal"' in toml


def test_commas_of_an_operator_are_its_own(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text('operator = "mask:keep=0.25|mask:keep=0.5"\n')
    toml = invoke("run", "e.toml", "--set", "solver=walk", "--set", "noise=gauss", "--dry-run").out
    assert toml.count("[[operator]]") == 2
    assert "keep = 0.25" in toml


def test_plots_in_another_format(invoke: Invoke, photo: Path, tmp_path: Path) -> None:
    said = invoke("solve", photo, *WALK, "--out", "out", "--plots", "svg")
    assert said.status == 0
    assert said.out.splitlines()[-2:] == ["out/summary.svg", "out/trace.svg"]
    assert (tmp_path / "out" / "trace.svg").read_bytes().startswith(b"<?xml")
    assert invoke("resume", "out", "-q", "--plots", "pdf").status == 0
    assert (tmp_path / "out" / "summary.pdf").read_bytes().startswith(b"%PDF")


def test_a_finished_run_can_be_resumed(invoke: Invoke, photo: Path) -> None:
    first = invoke("solve", photo, *WALK, "--out", "out")
    again = invoke("resume", "out")
    assert again.status == 0
    assert again.out.splitlines()[2] == first.out.splitlines()[2]
    assert again.err == "this run is finished; its results are written anew\n"


def _interrupt(
    command: list[str],
    cwd: Path,
    environment: Mapping[str, str],
    file: str,
    which: signal.Signals = signal.SIGINT,
) -> str:
    """Send a signal when `file` has appeared; what was said on stderr."""
    process = subprocess.Popen(
        [*INVPROB, *command],
        cwd=cwd,
        env={**environment, "INVPROB_PLUGINS": "toys"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (cwd / file).exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(which)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    return err


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_and_resumed_gives_the_same_bits(
    invoke: Invoke,
    photo: Path,
    tmp_path: Path,
    environment: Mapping[str, str],
    which: signal.Signals,
) -> None:
    slow = ("solve", str(photo), *WALK, "--set", "solver.wait=0.05", "--out", "a run")
    err = _interrupt([*slow], tmp_path, environment, "a run/manifest.json", which)
    assert err.splitlines()[-2:] == [
        "interrupted: the run so far is kept in a run",
        "hint: continue with: invprob resume 'a run'",
    ]
    assert not (tmp_path / "a run" / "result.safetensors").exists()
    assert (tmp_path / "a run" / "checkpoint.pt").exists()
    kept = json.loads((tmp_path / "a run" / "manifest.json").read_text())["seconds"]
    assert invoke("resume", "a run", "--quiet").status == 0
    assert invoke("solve", photo, *WALK, "--out", "whole", "--quiet").status == 0
    assert _same(tmp_path / "a run", tmp_path / "whole")
    assert (tmp_path / "a run" / "trace.csv").read_text() == (
        tmp_path / "whole" / "trace.csv"
    ).read_text()
    assert json.loads((tmp_path / "a run" / "metrics.json").read_text())["seconds"] > kept > 0


def test_interrupted_training_goes_on(
    invoke: Invoke, photo: Path, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    train = ["train", "count:steps=9", str(photo), "--out", "out"]
    err = _interrupt([*train, "--set", "wait=0.2"], tmp_path, environment, "out/checkpoint.txt")
    assert "interrupted: the newest checkpoint is kept in out\n" in err
    assert (
        f"hint: continue with: invprob train count:steps=9 {photo} --out out --set wait=0.2" in err
    )
    # saved when it was stopped, not only after the first step
    assert int((tmp_path / "out" / "checkpoint.txt").read_text()) > 1
    said = invoke(*train)
    assert (said.status, said.out) == (0, "9 steps, loss 0.1111\nout\n")


def test_sample(invoke: Invoke, tmp_path: Path) -> None:
    said = invoke("sample", "--generator", "linear", "--count", "5", "--out", "five")
    assert (said.status, said.out) == (0, "five\nfive/sheet.png\n")
    invoke("sample", "--generator", "linear", "--count", "2", "--out", "two", "--quiet")
    for name in ("0000.png", "0001.png"):
        five, two = ((tmp_path / out / name).read_bytes() for out in ("five", "two"))
        assert five == two
    assert len(list((tmp_path / "five").iterdir())) == 6
    assert five != (tmp_path / "five" / "0002.png").read_bytes()


def test_train(invoke: Invoke, photo: Path) -> None:
    said = invoke("train", "count:steps=3", photo, "--out", "out", "--json")
    assert json.loads(said.out) == {"out": "out", "step": 3, "figures": {"loss": 1 / 3}}
    said = invoke("train", "count", photo, "--out", "out", "--set", "steps=4", "--quiet")
    assert (said.status, said.out, said.err) == (0, "", "")


def test_parameters_of_a_trainer_are_options(invoke: Invoke, photo: Path) -> None:
    line = ("train", "count", photo, "--steps", "3", "--wait=0.0", "--out", "out", "--json")
    assert json.loads(invoke(*line).out)["step"] == 3
    for extra, words in (
        (("--stesp", "3"), "count.stesp: there is no such parameter"),
        (("--steps",), "--steps is given no value"),
        (("more",), "'more' is one argument too many"),
    ):
        said = invoke("train", "count", photo, "--out", "other", *extra)
        assert said.status == 2
        assert words in said.err
