"""Fingerprint of the source code and the dependency versions that affect a cell."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import torch

from invprob._version import __version__
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry

SHOWN = ("bench", "cli")
"""Parts of the core that show results and compute none, but for `METRICS`."""
METRICS = ("bench/evaluate.py", "bench/sample_means.py")

EVERY = ("solver", "operator", "noise", "generator", "prior")


def of_experiment(
    experiment: ResolvedExperiment, registry: Registry, kinds: Sequence[str] = EVERY
) -> dict[str, str]:
    """Say which code an experiment depends on.

    Args:
        experiment: The experiment.
        registry: The components.
        kinds: The kinds of components that count.

    Returns:
        Versions of invprob, torch and the plugins, and digests of their sources, by name.
    """
    told = {"invprob": f"{__version__} {_sources('invprob')}", "torch": torch.__version__}
    for _, kind, _, entry in experiment.entries(registry):
        if kind not in kinds:
            continue
        package = entry.component.target.partition(":")[0].partition(".")[0]
        told[entry.plugin] = f"{entry.distribution} {_sources(package)}"
    return told


@cache
def _sources(package: str) -> str:
    spec = importlib.util.find_spec(package)
    told = hashlib.sha256()
    for folder in map(Path, (spec and spec.submodule_search_locations) or ()):
        for path in _files(folder):
            told.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return told.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.py")):
        place = path.relative_to(folder)
        if place.parts[0] not in SHOWN or place.as_posix() in METRICS:
            yield path
