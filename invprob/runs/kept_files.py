"""Files that an experiment names: small ones are kept in the run folder, others are remembered.

So a run can be taken up from any working directory, also when its folder was moved and its mask or
kernel is gone.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from invprob import paths
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import checksums
from invprob.params import Spec
from invprob.plugin import NAME
from invprob.runs.settle import FOLDER
from invprob.weights import bundled, store

SMALL = 2**26
"""Up to so many bytes a file is kept; larger ones are weights."""


def keep(out: Path, experiment: ResolvedExperiment, registry: Registry) -> dict[str, Any]:
    """Keep the files that an experiment names.

    Args:
        out: The folder of the run.
        experiment: What is run.
        registry: Where its components are looked up.

    Returns:
        By the place of a parameter, such as ``operator.0.mask``: the absolute path; and the file in
        the run folder, or the SHA-256 of one that is not kept.
    """
    found: dict[str, Any] = {}
    for place, value, kind in _named(experiment, registry):
        path = _path(value)
        about: dict[str, Any] = {"path": str(path)}
        if kind != "observer" and _is_there(path) and path.is_file():
            if place.endswith(".weights") or path.stat().st_size > SMALL:
                about["sha256"] = checksums.sha256(path)
            else:
                (out / FOLDER).mkdir(exist_ok=True)
                about["kept"] = f"{FOLDER}/{place}{path.suffix}"
                with contextlib.suppress(shutil.SameFileError):
                    shutil.copyfile(path, out / about["kept"])
        if kind == "observer" or _is_there(path):
            found[place] = about
    return found


def found_again(
    out: Path, experiment: ResolvedExperiment, registry: Registry, facts: Mapping[str, Any] | None
) -> ResolvedExperiment:
    """Find the files that an experiment names again.

    Args:
        out: The folder of the run.
        experiment: What it was made from.
        registry: Where its components are looked up.
        facts: The manifest of the run, whose ``files`` `keep` returned; None where it is lost.

    Returns:
        The experiment with the files where they are now.

    Raises:
        BadInput: If one that is not in the folder is gone.
    """
    kept = (facts or {}).get("files")
    kept = kept if isinstance(kept, dict) else {}
    moved: dict[str, str] = {}
    for place, value, kind in _named(experiment, registry):
        about = kept.get(place)
        if not isinstance(about, dict) or not isinstance(about.get("path"), str):
            continue
        ours = out / str(about.get("kept", ""))
        if "kept" in about and ours.is_file():
            moved[place] = str(ours.absolute())
        elif kind == "observer" or _is_there(Path(about["path"])):
            moved[place] = about["path"]
        elif not _is_there(_path(value)):
            has = f", with the SHA-256 {about['sha256']}" if "sha256" in about else ""
            raise BadInput(
                f"run {out} used {about['path']}{has}, which is gone",
                "put it back there, or into the current folder",
            )
    return _replaced(experiment, moved)


def _path(value: str) -> Path:
    """Where the file of a parameter is: a path, or weights on the shelf."""
    return (store.path(value) or paths.expand(value)).absolute()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text that is not a path, such as one that is too long
        return False


def _specs(experiment: ResolvedExperiment) -> Iterator[tuple[str, str, Spec]]:
    yield "solver", "solver", experiment.solver
    yield "noise", "noise", experiment.noise
    if experiment.generator is not None:
        yield "generator", "generator", experiment.generator
    for i, spec in enumerate(experiment.operator):
        yield f"operator.{i}", "operator", spec
    for stage, spec in experiment.prior.items():
        yield f"prior.{stage}", "prior", spec
    for i, spec in enumerate(experiment.observe):
        yield f"observe.{i}", "observer", spec


def _named(experiment: ResolvedExperiment, registry: Registry) -> Iterator[tuple[str, str, str]]:
    """(place, value, kind of component) of the parameters that may name a file."""
    for place, kind, spec in _specs(experiment):
        entry = registry.find(kind, spec.name)
        package = entry.component.target.partition(".")[0]
        for name, field in entry.params().model_fields.items():
            value = spec.params.get(name)
            if not isinstance(value, str) or "Literal" in str(field.annotation):
                continue
            if not NAME.fullmatch(value):
                yield f"{place}.{name}", value, kind
            elif paths.marked(field, paths.PATH_TEXT) and value not in bundled.names(package):
                # a file or folder of that name, or what is on the shelf; bundled weights come first
                yield f"{place}.{name}", value, kind


def _replaced(experiment: ResolvedExperiment, moved: Mapping[str, str]) -> ResolvedExperiment:
    def one(place: str, spec: Spec) -> Spec:
        names = (name for name in spec.params if f"{place}.{name}" in moved)
        return spec.with_params(**{name: moved[f"{place}.{name}"] for name in names})

    changes = {
        "solver": one("solver", experiment.solver),
        "noise": one("noise", experiment.noise),
        "operator": tuple(one(f"operator.{i}", s) for i, s in enumerate(experiment.operator)),
        "prior": {stage: one(f"prior.{stage}", s) for stage, s in experiment.prior.items()},
        "observe": tuple(one(f"observe.{i}", s) for i, s in enumerate(experiment.observe)),
    }
    if experiment.generator is not None:
        changes["generator"] = one("generator", experiment.generator)
    return experiment.model_copy(update=changes)
