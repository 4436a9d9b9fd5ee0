"""Weights on their way to another machine: by content, with all files that belong to them."""

from __future__ import annotations

import functools
import hashlib
import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from invprob.config.experiment import Experiment
from invprob.io.files import new_folder
from invprob.weights import store


@functools.cache
def _cache() -> Path:
    """Where weights are kept that arrived; without a home folder, for as long as a worker lives."""
    place = store.cache()
    return Path(tempfile.mkdtemp()) if place is None else place / "weights"


def named(experiment: Experiment) -> dict[str, Path]:
    """Find the files and folders that an experiment names as weights.

    Args:
        experiment: The experiment.

    Returns:
        Their paths, by how the experiment names them; without what is bundled, which is everywhere.
    """
    specs = [*experiment.prior.values()] + ([experiment.generator] if experiment.generator else [])
    found = {}
    for spec in specs:
        given = spec.params.get("weights")
        if isinstance(given, str) and (path := store.path(given)) is not None:
            found[given] = path
    return found


def pack(path: Path) -> tuple[str, bytes]:
    """Pack a folder, or a file with its companions, whose names go on from its own (a prior found
    by itself stands so beside its generator).

    Args:
        path: The file or folder.

    Returns:
        The SHA-256 of the content, and a zip file.
    """
    told, packed = hashlib.sha256(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, file in sorted(_belonging(path)):
            data = file.read_bytes()
            told.update(name.encode() + len(data).to_bytes(8, "little") + data)
            archive.writestr(name, data)
    return told.hexdigest(), packed.getvalue()


def _belonging(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_dir():
        for file in path.rglob("*"):
            if file.is_file():
                yield f"{path.name}/{file.relative_to(path).as_posix()}", file
    else:
        for file in path.parent.iterdir():
            companion = file.name.startswith((f"{path.stem}-", f"{path.stem}."))
            if file.is_file() and (companion or file.name == path.name):
                yield file.name, file


def arrive(sha256: str, packed: bytes, name: str, cache: Path | None = None) -> Path:
    """Unpack what another machine packed, once.

    Args:
        sha256: The SHA-256 of the content.
        packed: The zip file.
        name: The file or folder in it that is meant.
        cache: Where it is kept; None for the cache of invprob.

    Returns:
        Where `name` lies now.
    """
    folder = (cache or _cache()) / sha256
    if not folder.is_dir():
        try:
            with new_folder(folder) as part, zipfile.ZipFile(io.BytesIO(packed)) as archive:
                archive.extractall(part)
        except OSError:  # another worker was first
            if not folder.is_dir():
                raise
    return folder / name


def rerouted(experiment: dict[str, Any], places: dict[str, str]) -> dict[str, Any]:
    """Replace weights by their places on this machine.

    Args:
        experiment: The experiment as a table.
        places: Paths here, by how the experiment names them.

    Returns:
        The table with these paths.
    """

    def moved(spec: dict[str, Any] | None) -> dict[str, Any] | None:
        if spec is None or spec.get("weights") not in places:
            return spec
        return {**spec, "weights": places[spec["weights"]]}

    priors = {stage: moved(spec) for stage, spec in experiment["prior"].items()}
    return {**experiment, "generator": moved(experiment["generator"]), "prior": priors}
