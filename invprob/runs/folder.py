"""The files of a run folder: arrays, tables, and all that `resume` needs."""

from __future__ import annotations

import csv
import datetime
import json
import platform
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from invprob import fingerprint
from invprob._version import __version__
from invprob.analysis import diagnostics
from invprob.callback import CallbackContext
from invprob.config.experiment import Experiment, ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import files, tensor_files
from invprob.runs.inputs import Data
from invprob.runs.solution import Solution
from invprob.solver import Problem


def default_name(experiment: Experiment) -> Path:
    """Name a dated folder under ``runs/``.

    Args:
        experiment: What is run.

    Returns:
        A path that does not exist yet.
    """
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    operator = "-".join(spec.name for spec in experiment.operator)
    path = Path("runs") / f"{now}-{experiment.solver.name}-{operator}"
    number = 2
    while path.exists():
        path = path.with_name(f"{now}-{experiment.solver.name}-{operator}-{number}")
        number += 1
    return path


def claim(out: Path) -> bool:
    """Make a folder for a run.

    Args:
        out: Its path; it must be new, or empty and writable.

    Returns:
        Whether it had to be made.

    Raises:
        BadInput: If it holds something or cannot be written.
    """
    try:
        new = not out.exists()
        if out.exists() and not out.is_dir():
            raise BadInput(f"{out} is a file", "give another --out")
        if out.is_dir() and any(out.iterdir()):
            again = f", or: invprob resume {shlex.quote(str(out))}"
            hint = "give another --out" + again * (out / "experiment.toml").is_file()
            raise BadInput(f"folder {out} is not empty", hint)
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"folder {out} cannot be written: {reason}", "give another --out") from None
    return new


def withdraw(out: Path, new: bool) -> None:
    """Take back what was written before a run could begin.

    Args:
        out: The folder of the run.
        new: Whether `claim` made it; then it goes too.
    """
    for path in out.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if new:
        out.rmdir()


def begin(
    out: Path,
    context: CallbackContext,
    data: Data,
    experiment: ResolvedExperiment | None = None,
    registry: Registry | None = None,
) -> None:
    """Write what is known before the first step.

    Args:
        out: The folder of the run.
        context: The run.
        data: Its measurements.
        experiment: What it was made from; None for a problem made of objects.
        registry: Where the components of the experiment are looked up.
    """
    arrays = {"measurement": data.y} | ({} if data.truth is None else {"truth": data.truth})
    tensor_files.write(out / "measurement.safetensors", arrays, {"names": list(data.names)})
    manifest: dict[str, Any] = {
        "invprob": __version__,
        "plugins": {},
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": str(context.problem.y.device),
        "threads": torch.get_num_threads(),
        "started": _now(),
        "parts": fingerprints(context.problem),
        "assumed": _assumed(context.problem),
    }
    if experiment is not None and registry is not None:
        files.write_text(out / "experiment.toml", experiment.to_toml())
        used = {entry.plugin: entry.distribution for *_, entry in experiment.entries(registry)}
        manifest |= {"plugins": used, "seed": experiment.seed}
    files.write_json(out / "manifest.json", manifest)


def fingerprints(problem: Problem) -> dict[str, str]:
    """Hash the numbers (weights, masks, kernels) in each component, to see whether one changed.

    Args:
        problem: The problem.

    Returns:
        A hash by the name of the component: generator, operator, prior.STAGE.
    """
    return {name: fingerprint.of_module(module) for name, module in _named(problem).items()}


def _named(problem: Problem) -> dict[str, torch.nn.Module]:
    named = dict[str, torch.nn.Module](generator=problem.generator, operator=problem.operator)
    return named | {f"prior.{stage}": prior for stage, prior in problem.priors.items()}


def _assumed(problem: Problem) -> dict[str, str]:
    """What was assumed of components because the files of their weights do not say it."""
    found = {name: getattr(component, "assumed", "") for name, component in _named(problem).items()}
    return {name: text for name, text in found.items() if text}


def check_unchanged(out: Path, problem: Problem) -> None:
    """Refuse to resume with other weights or another mask than the run began with.

    Args:
        out: The folder of the run.
        problem: What it is resumed with.

    Raises:
        BadInput: If a component has other numbers.
    """
    began = json.loads((out / "manifest.json").read_text()).get("parts", {})
    changed = [name for name, now in fingerprints(problem).items() if began.get(name) != now]
    if changed:
        raise BadInput(
            f"run {out} began with another {' and '.join(changed)} than is found now",
            "restore the weights or mask file it used, or start a new run",
        )


def read_data(out: Path) -> Data:
    """Read the measurements of a run folder.

    Args:
        out: The folder of the run.

    Returns:
        Names, measurements and truth, on the CPU.
    """
    arrays, metadata = tensor_files.read(out / "measurement.safetensors")
    names = tuple(json.loads(metadata["names"]))
    return Data(names, arrays["measurement"], arrays.get("truth"))


def finish(out: Path, solution: Solution) -> None:
    """Write the results: arrays, metrics, diagnostics; no pictures.

    Args:
        out: The folder of the run.
        solution: What it came to.
    """
    tensors = ("samples", "mean", "std", "lower", "median", "upper")
    arrays = {name: getattr(solution, name) for name in tensors}
    tensor_files.write(out / "result.safetensors", arrays, {"names": list(solution.names)})
    table = {
        "solver": solution.method,
        "seconds": solution.seconds,
        "std_png_white": solution.std_white,
        "images": list(solution.metrics),
    }
    files.write_json(out / "metrics.json", table)
    if solution.draws is not None:
        chains = diagnostics.report(solution.names, solution.draws, solution.diagnostics)
        files.write_json(out / "diagnostics.json", chains)
    ended = "finished" if solution.complete else "stopped"
    record(out, **{"seconds": round(solution.seconds, 3), ended: _now()})


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def record(out: Path, **facts: Any) -> None:
    """Add facts to the manifest.

    Args:
        out: The folder of the run.
        facts: What JSON can hold, by name.
    """
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    files.write_json(out / "manifest.json", manifest | facts)


def seconds(out: Path) -> float:
    """Read how long a run took before it was stopped.

    Args:
        out: The folder of the run.

    Returns:
        Seconds; 0 before the first stop.
    """
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return float(manifest.get("seconds", 0.0))


def write_trace(out: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write the trace as CSV.

    Args:
        out: The folder of the run.
        rows: A row per recorded step and chain, see `invprob.runs.loop.Trace`.
    """
    rows = list(rows)
    names = list(dict.fromkeys(key for row in rows for key in row))
    with files.replacing(out / "trace.csv") as part, part.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def read_trace(out: Path) -> list[dict[str, Any]]:
    """Read what `write_trace` wrote.

    Args:
        out: The folder of the run.

    Returns:
        The rows; none where there is no file. The column ``misfit`` of version 0.1.0 is ``chi2``.
    """
    path = out / "trace.csv"
    if not path.is_file():
        return []
    whole, now = {"step", "stage", "chain"}, {"misfit": "chi2"}
    with path.open(newline="") as file:
        return [
            {now.get(k, k): int(v) if k in whole else float(v) for k, v in row.items() if v != ""}
            for row in csv.DictReader(file)
        ]
