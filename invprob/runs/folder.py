"""The run folder: pictures to look at, arrays to compute with, and all that `resume` needs."""

from __future__ import annotations

import csv
import datetime
import json
import platform
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob import fingerprint
from invprob._version import __version__
from invprob.analysis import diagnostics
from invprob.analysis.credible_intervals import Interval
from invprob.analysis.diagnostics import Diagnosis
from invprob.analysis.draws import Drawn
from invprob.config.experiment import Experiment
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import files, images, tensor_files
from invprob.operator import Operator
from invprob.plots import summary, traces
from invprob.runs.build import Parts


@dataclass(frozen=True)
class Outcome:
    """What came out: samples (B, S, C, H, W), mean and std (B, C, H, W), a row of figures each.

    `drawn` are the draws of a solver that marks its steps as such, with a diagnosis per image;
    `bias` is what the solver declares (`Solver.bias`).
    """

    experiment: Experiment
    names: tuple[str, ...]
    truth: Tensor | None
    y: Tensor
    samples: Tensor
    mean: Tensor
    std: Tensor
    interval: Interval
    drawn: Drawn | None
    diagnoses: list[Diagnosis]
    rows: list[dict[str, Any]]
    returns: str
    bias: float
    seconds: float


def default_name(experiment: Experiment) -> Path:
    """A dated folder under ``runs/`` that does not exist yet."""
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    operator = "-".join(spec.name for spec in experiment.operator)
    path = Path("runs") / f"{now}-{experiment.solver.name}-{operator}"
    number = 2
    while path.exists():
        path = path.with_name(f"{now}-{experiment.solver.name}-{operator}-{number}")
        number += 1
    return path


def claim(out: Path) -> bool:
    """Make the folder, which must be new or empty, and writable; whether it had to be made."""
    try:
        new = not out.exists()
        if out.exists() and not out.is_dir():
            raise BadInput(f"{out} is a file", "give another --out")
        if out.is_dir() and any(out.iterdir()):
            raise BadInput(
                f"folder {out} is not empty", f"give another --out, or: invprob resume {out}"
            )
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"folder {out} cannot be written: {reason}", "give another --out") from None
    return new


def withdraw(out: Path, new: bool) -> None:
    """Take back what was written before a run could begin, and the folder if it is new."""
    for path in out.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    if new:
        out.rmdir()


def begin(
    out: Path,
    experiment: Experiment,
    registry: Registry,
    parts: Parts,
    names: tuple[str, ...],
    y: Tensor,
    truth: Tensor | None,
) -> None:
    """Write what is known before the first step."""
    files.write_text(out / "experiment.toml", experiment.to_toml())
    arrays = {"measurement": y} | ({} if truth is None else {"truth": truth})
    tensor_files.write(out / "measurement.safetensors", arrays, {"names": list(names)})
    used = {entry.plugin: entry.distribution for *_, entry in experiment.entries(registry)}
    manifest = {
        "invprob": __version__,
        "plugins": used,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": str(parts.device),
        "threads": torch.get_num_threads(),
        "seed": experiment.seed,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "parts": fingerprints(parts),
        "assumed": {k: said for k, v in _named(parts).items() if (said := _assumed(v))},
    }
    files.write_json(out / "manifest.json", manifest)


def fingerprints(parts: Parts) -> dict[str, str]:
    """A hash of the numbers (weights, masks, kernels) in each part, to see whether one changed."""
    return {name: fingerprint.of_module(module) for name, module in _named(parts).items()}


def _named(parts: Parts) -> dict[str, torch.nn.Module]:
    named: dict[str, torch.nn.Module] = {"generator": parts.generator, "operator": parts.operator}
    return named | {f"prior.{stage}": prior for stage, prior in parts.priors.items()}


def _assumed(part: torch.nn.Module) -> str:
    """What was assumed of a part because the file of its weights does not say it."""
    return str(getattr(part, "assumed", ""))


def check_unchanged(out: Path, parts: Parts) -> None:
    """Refuse to resume with other weights or another mask than the run began with."""
    began = json.loads((out / "manifest.json").read_text()).get("parts", {})
    changed = [name for name, now in fingerprints(parts).items() if began.get(name) != now]
    if changed:
        raise BadInput(
            f"run {out} began with another {' and '.join(changed)} than is found now",
            "restore the weights or mask file it used, or start a new run",
        )


def read_data(out: Path) -> tuple[tuple[str, ...], Tensor, Tensor | None]:
    """(names, measurement, truth) of a run folder."""
    arrays, metadata = tensor_files.read(out / "measurement.safetensors")
    return tuple(json.loads(metadata["names"])), arrays["measurement"], arrays.get("truth")


def finish(out: Path, outcome: Outcome, operator: Operator) -> None:
    """Write results: arrays, pictures, figures, summary."""
    arrays = {"samples": outcome.samples, "mean": outcome.mean, "std": outcome.std}
    between = {name: getattr(outcome.interval, name) for name in ("lower", "median", "upper")}
    tensor_files.write(out / "result.safetensors", arrays | between, {"names": list(outcome.names)})
    scale = float(outcome.std.max().clamp_min(1e-8))
    with torch.no_grad():
        seen = operator.cpu().observed(outcome.y)
    for i, name in enumerate(outcome.names):
        images.write_png(out / "measurement" / f"{name}.png", seen[i])
        images.write_png(out / "mean" / f"{name}.png", outcome.mean[i])
        images.write_png(out / "std" / f"{name}.png", outcome.std[i] / scale)
        for s, sample in enumerate(outcome.samples[i]):
            images.write_png(out / "samples" / f"{name}-{s:02d}.png", sample)
        if outcome.interval.trusted:
            for part, pictures in between.items():
                images.write_png(out / part / f"{name}.png", pictures[i])
        if outcome.drawn is not None:
            (out / "draws").mkdir(exist_ok=True)
            summary.mixing(outcome.drawn.images[i]).save(out / "draws" / f"{name}.png")
    figures = {
        "solver": str(outcome.experiment.solver),
        "seconds": outcome.seconds,
        "std_png_white": scale,
        "images": list(outcome.rows),
    }
    files.write_json(out / "metrics.json", figures)
    if outcome.drawn is not None:
        told = diagnostics.report(outcome.names, outcome.drawn, outcome.diagnoses)
        files.write_json(out / "diagnostics.json", told)
    chains = outcome.samples.shape[1]
    plots = traces.traces(outcome.names, chains, read_trace(out), outcome.drawn, outcome.diagnoses)
    with files.replacing(out / "trace.png") as target:
        plots.savefig(target, format="png")
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    record(out, seconds=round(outcome.seconds, 3), finished=now)
    page = summary.summary(outcome, seen)
    with files.replacing(out / "summary.png") as target:
        page.save(target, format="png")


def record(out: Path, **facts: Any) -> None:
    """Add facts to the manifest."""
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    files.write_json(out / "manifest.json", manifest | facts)


def seconds(out: Path) -> float:
    """The seconds spent on a run before it was interrupted."""
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return float(manifest.get("seconds", 0.0))


def write_trace(out: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write the trace as CSV: a row per recorded step and chain."""
    rows = list(rows)
    names = list(dict.fromkeys(key for row in rows for key in row))

    with files.replacing(out / "trace.csv") as part, part.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def read_trace(out: Path) -> list[dict[str, Any]]:
    """The rows of `write_trace`."""
    path = out / "trace.csv"
    if not path.is_file():
        return []
    whole = {"step", "stage", "chain"}
    with path.open(newline="") as file:
        return [
            {k: int(v) if k in whole else float(v) for k, v in row.items() if v != ""}
            for row in csv.DictReader(file)
        ]
