"""manifest.json of a run folder: where the run was made, of what, and how it ended."""

from __future__ import annotations

import datetime
import json
import platform
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from invprob import fingerprint
from invprob._version import __version__
from invprob.callback import CallbackContext
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput, UnknownComponent
from invprob.io import files
from invprob.runs.instances import PLUGIN
from invprob.solver import Problem

NAME = "manifest.json"


def write(
    out: Path,
    context: CallbackContext,
    experiment: ResolvedExperiment | None = None,
    registry: Registry | None = None,
    **facts: Any,
) -> None:
    """Write what is known before the first step.

    Args:
        out: The folder of the run.
        context: The run.
        experiment: What it was made from; None for a problem made of objects.
        registry: Where the components of the experiment are looked up.
        facts: What else JSON can hold, by name.
    """
    manifest: dict[str, Any] = {
        "invprob": __version__,
        "plugins": {},
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": str(context.problem.y.device),
        "threads": torch.get_num_threads(),
        "started": now(),
        "parts": fingerprints(context.problem),
        "sketches": sketches(context.problem),
        "assumed": _assumed(context.problem),
    }
    if experiment is not None and registry is not None:
        used = {entry.plugin: entry.distribution for *_, entry in experiment.entries(registry)}
        table = tomllib.loads(experiment.to_toml())
        manifest |= {"plugins": used, "seed": experiment.seed, "experiment": table}
    files.write_json(out / NAME, manifest | facts)


def read(out: Path) -> dict[str, Any] | None:
    """Read the manifest.

    Args:
        out: The folder of the run.

    Returns:
        What it says; None where it is gone or damaged.
    """
    try:
        found = json.loads((out / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def record(out: Path, **facts: Any) -> None:
    """Add facts to the manifest.

    Args:
        out: The folder of the run.
        facts: What JSON can hold, by name.
    """
    files.write_json(out / NAME, (read(out) or {}) | facts)


def seconds(out: Path) -> float:
    """Read how long a run took before it was stopped.

    Args:
        out: The folder of the run.

    Returns:
        Seconds; 0 before the first stop.
    """
    found = (read(out) or {}).get("seconds", 0.0)
    return float(found) if isinstance(found, (int, float)) else 0.0


def now() -> str:
    """The time, in UTC, as a manifest has it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def fingerprints(problem: Problem) -> dict[str, str]:
    """Hash the numbers (weights, masks, kernels) in each component, to see whether one changed.

    Args:
        problem: The problem.

    Returns:
        A hash by the name of the component: generator, operator, prior.STAGE.
    """
    return {name: fingerprint.of_module(module) for name, module in _named(problem).items()}


def sketches(problem: Problem) -> dict[str, list[float]]:
    """Sum up the numbers in each component, to see the same ones on another processor.

    Args:
        problem: The problem.

    Returns:
        A sketch by the name of the component, as in `fingerprints`.
    """
    return {name: fingerprint.sketch(module) for name, module in _named(problem).items()}


def check_unchanged(facts: Mapping[str, Any], out: Path, problem: Problem) -> None:
    """Refuse to resume with other weights or another mask than the run began with.

    Numbers that differ by rounding are the same: a random matrix has other last bits where it is
    drawn by another kind of processor.

    Args:
        facts: The manifest of the run.
        out: Its folder.
        problem: What it is resumed with.

    Raises:
        BadInput: If a component has other numbers.
    """
    began = facts.get("parts")
    if not isinstance(began, dict):
        return
    changed = [name for name, now in fingerprints(problem).items() if began.get(name) != now]
    kept = facts.get("sketches")
    if changed and isinstance(kept, dict):
        found = sketches(problem)
        changed = [n for n in changed if not fingerprint.alike(kept.get(n, []), found[n])]
    if changed:
        raise BadInput(
            f"run {out} began with another {' and '.join(changed)} than is found now",
            "restore the weights or mask file it used, or start a new run",
        )


def missing_plugin(
    error: UnknownComponent, facts: Mapping[str, Any] | None, registry: Registry
) -> UnknownComponent:
    """Say which plugin offered a component that is unknown now.

    Args:
        error: What is unknown.
        facts: The manifest of the run that used it, where there is one.
        registry: What is installed.

    Returns:
        The error to raise.
    """
    used = (facts or {}).get("plugins")
    here = {entry.plugin for entry in registry.entries}
    gone = [
        f"{plugin} (of {distribution})" if distribution else plugin
        for plugin, distribution in (used.items() if isinstance(used, dict) else ())
        if plugin not in here
    ]
    if not gone:
        return error
    if PLUGIN in gone:
        return UnknownComponent(
            f"{error.message}; the run was given an object, which is not kept",
            "name every component by a text, to resume a run",
        )
    which = "plugins" if len(gone) > 1 else "plugin"
    return UnknownComponent(
        f"{error.message}; the run used the {which} {' and '.join(gone)}",
        "install it again, or unblock it (see invprob list)",
    )


def _named(problem: Problem) -> dict[str, torch.nn.Module]:
    named = dict[str, torch.nn.Module](generator=problem.generator, operator=problem.operator)
    return named | {f"prior.{stage}": prior for stage, prior in problem.priors.items()}


def _assumed(problem: Problem) -> dict[str, str]:
    """What was assumed of components because the files of their weights do not say it."""
    found = {name: getattr(component, "assumed", "") for name, component in _named(problem).items()}
    return {name: text for name, text in found.items() if text}
