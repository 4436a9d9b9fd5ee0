"""The files of a run folder: arrays, tables, and all that `resume` needs."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invprob.analysis import diagnostics, draws
from invprob.analysis.draws import Drawn
from invprob.callback import CallbackContext
from invprob.config import toml
from invprob.config.experiment import Experiment, ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput, InvprobError
from invprob.io import files, tensor_files
from invprob.runs import kept_files, manifest, stored_data
from invprob.runs.data import Data
from invprob.runs.solution import Solution

MEASUREMENT, EXPERIMENT = "measurement.safetensors", stored_data.EXPERIMENT
CHECKPOINT, DRAWS, RESULT = "checkpoint.pt", "draws.safetensors", "result.safetensors"


def claim_default(experiment: Experiment) -> Path:
    """Make a dated folder under ``runs/``, which no other run gets, however soon it starts.

    Args:
        experiment: What is run.

    Returns:
        Its path.

    Raises:
        BadInput: If the current folder cannot be written to.
    """
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    operator = "-".join(spec.name for spec in experiment.operator)
    name = f"{now}-{experiment.solver.name}-{operator}"
    for number in itertools.count(1):
        path = Path("runs") / (name if number == 1 else f"{name}-{number}")
        try:
            path.parent.mkdir(exist_ok=True)
            path.mkdir()
        except FileExistsError:
            if not path.parent.is_dir():
                raise BadInput("runs is a file", "give another folder: --out DIR") from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BadInput(
                f"folder {path} cannot be written: {reason}", "give another folder: --out DIR"
            ) from None
        else:
            return path
    raise AssertionError


def release(out: Path) -> None:
    """Take back a folder of `claim_default` that nothing was written to.

    Args:
        out: Its path.
    """
    with contextlib.suppress(OSError):
        out.rmdir()
        out.parent.rmdir()


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
    stored_data.write(out / MEASUREMENT, data)
    data.settled.write(out)
    kept: dict[str, Any] = {}
    if experiment is not None and registry is not None:
        kept = kept_files.keep(out, experiment, registry)
        files.write_text(out / EXPERIMENT, experiment.to_toml())
    manifest.write(out, context, experiment, registry, files=kept)


def read_experiment(out: Path, facts: Mapping[str, Any] | None) -> tuple[Experiment, bool]:
    """Read what a run was made from.

    Args:
        out: The folder of the run.
        facts: Its manifest, which holds the experiment too; None where that is damaged.

    Returns:
        The experiment, and whether its file was damaged and is written anew.

    Raises:
        BadInput: If neither file says what was run.
    """
    whole = None if facts is None else facts.get("experiment")
    try:
        table = toml.read(out / EXPERIMENT)
        if not _has(table, whole if isinstance(whole, dict) else {"solver": {}, "noise": {}}):
            raise BadInput("it is not whole")
        return Experiment.parse(table), False
    except InvprobError as error:
        if isinstance(whole, dict):
            files.write_text(out / EXPERIMENT, toml.dumps(whole))
            return Experiment.parse(whole), True
        if (out / EXPERIMENT).exists() and facts is None:
            raise BadInput(
                f"{out / EXPERIMENT} is damaged: {error.message}", "start a new run"
            ) from None
        raise


def _has(table: Any, whole: Any) -> bool:
    """Whether a table has all keys of another."""
    if isinstance(whole, dict):
        return isinstance(table, dict) and all(
            key in table and _has(table[key], value) for key, value in whole.items()
        )
    if isinstance(whole, list) and whole and isinstance(whole[0], dict):
        same = isinstance(table, list) and len(table) == len(whole)
        return same and all(map(_has, table, whole))
    return True


def read_draws(out: Path, step: int, count: int | None) -> Drawn | None:
    """Read the draws that a run made before it was stopped.

    Args:
        out: The folder of the run.
        step: The step of its checkpoint.
        count: How many draws there were then; None where that is not known.

    Returns:
        The draws; None if there were none.

    Raises:
        BadInput: If some are lost.
    """
    path = out / DRAWS
    try:
        found = draws.read(path)
    except (InvprobError, OSError, ValueError, KeyError, TypeError):
        found, count = None, 1
    have = 0 if found is None else int((found.steps <= step).sum())
    if count is not None and have < count:
        state = "damaged" if path.is_file() else "gone"
        raise BadInput(
            f"{path} is {state}, which held the draws up to step {step}",
            f"remove {out / CHECKPOINT} to make them anew",
        )
    return found


def finish(out: Path, solution: Solution) -> None:
    """Write the results: arrays, metrics, diagnostics; no pictures.

    Args:
        out: The folder of the run.
        solution: What it came to.
    """
    tensors = ("samples", "mean", "std", "lower", "median", "upper")
    arrays = {name: getattr(solution, name) for name in tensors}
    tensor_files.write(out / RESULT, arrays, {"names": list(solution.names)})
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
    ended = {"finished" if solution.complete else "stopped": manifest.now()}
    if solution.diverged:
        ended = {"diverged": solution.diverged}
    manifest.record(out, **{"seconds": round(solution.seconds, 3), **ended})
