"""Which pictures the chunks of a run hold: gathered at its start, and again when it goes on."""

from __future__ import annotations

import json
from pathlib import Path

from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput, UnknownComponent
from invprob.io import images
from invprob.io.images import ImageFile
from invprob.runs import folder, kept_files, manifest
from invprob.runs.chunks import PLAN, Chunks


def reopen(registry: Registry, out: Path) -> Chunks:
    """Find the chunks of a run again.

    Args:
        registry: Where components are looked up.
        out: The folder of the run, which has a plan.

    Returns:
        The chunks, some of them finished.

    Raises:
        InvprobError: If a file is damaged, or pictures or weights are not those of the start.
    """
    path = out / PLAN
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        size, names, sources = int(plan["size"]), list(plan["names"]), list(plan["images"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{path} is damaged", "start a new run") from None
    facts = manifest.read(out) or {}
    raw, _ = folder.read_experiment(out, facts)
    try:
        experiment = raw.resolve(registry)
    except UnknownComponent as error:
        raise manifest.missing_plugin(error, facts, registry) from None
    experiment = kept_files.found_again(out, experiment, registry, facts)
    experiment = experiment.model_copy(update={"images": tuple(sources)})
    found = pictures(experiment)
    if [file.name for file in found] != names:
        raise BadInput(
            f"run {out} began with {len(names)} pictures, and other ones are there now",
            "put them back, or start a new run",
        )
    chunks = Chunks(out, experiment, registry, found, size)
    chunks.check_unchanged(facts)
    return chunks


def pictures(experiment: ResolvedExperiment) -> tuple[ImageFile, ...]:
    """The pictures of an experiment that has no measurement.

    Args:
        experiment: What names them; nothing stands for the bundled ones.

    Returns:
        Those that the limit of the experiment leaves.

    Raises:
        BadInput: If one is not there.
    """
    found = images.gather(experiment.images) if experiment.images else images.bundled()
    return tuple(found[: experiment.limit])
