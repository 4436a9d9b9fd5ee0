"""How pictures become a run in chunks: at its start, and again when it goes on."""

from __future__ import annotations

import json
from pathlib import Path

from torch import Tensor

from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput, UnknownComponent
from invprob.io import arrays
from invprob.io.framing import Framing
from invprob.runs import chunk_size, folder, inputs, kept_files, manifest, measured_inputs, settle
from invprob.runs.chunks import PLAN, Chunks
from invprob.runs.in_memory import InMemoryInput
from invprob.runs.sources import Measured, Numbers, Source, Stored, ToDegrade


def cut(
    experiment: ResolvedExperiment,
    registry: Registry,
    batch: int | None,
    workers: int | None = None,
    scheduler: str | None = None,
    given: InMemoryInput | None = None,
) -> Chunks | None:
    """Cut a run into chunks; every picture is looked at before the models are loaded.

    Args:
        experiment: What to solve.
        registry: Where components are looked up.
        batch: Rows that are computed at a time, as in `chunk_size.choose`.
        workers: How many processes share the pictures, if several do.
        scheduler: The address of a dask scheduler whose workers do.
        given: What stands in for the files that the experiment would name.

    Returns:
        The chunks, whose folder is to be chosen; None for a run that is one batch.

    Raises:
        InvprobError: If a picture or a component cannot be used.
    """
    source = _source(experiment, registry, given)
    if source is None:
        return None
    source.look(range(len(source.names)))
    total = len(source.names)
    whole = Chunks(Path(), experiment, registry, source, total)
    shared = workers is not None or scheduler is not None
    if settle.each_alone(experiment):
        if total == 1 or source.in_memory:
            return None
        size = 1
    else:
        size = chunk_size.choose(whole, batch)
        if workers is not None and batch is None:
            size = min(size, -(-total // workers))
        if size == total and not shared:
            return None
    for spec in experiment.observe:
        if "path" in spec.params:
            raise BadInput(
                f"{total} pictures are solved in chunks of {size}, and each would write"
                f" {spec.params['path']} of {spec.name}",
                "leave out its path, and each chunk has a file of its own",
            )
    return whole.of_size(size)


def _source(
    experiment: ResolvedExperiment, registry: Registry, given: InMemoryInput | None
) -> Source | None:
    """Where the pictures come from; None where there is only one."""
    if given is not None and given.measurement is not None:
        return _numbers(experiment, registry, given.measurement, given)
    if given is not None:
        framing = Framing.of(experiment, frozenset(p.size() for p in given.pictures))
        return ToDegrade(given.pictures[: experiment.limit], framing)
    if experiment.measurement is None:
        files = inputs.pictures(experiment)
        return ToDegrade(files, Framing.of(experiment, frozenset(f.size() for f in files)))
    found = measured_inputs.files_of(experiment)
    if len(found) > 1:
        return Measured(found)
    if not arrays.is_array(found[0].path):
        return None
    return _numbers(experiment, registry, arrays.read_array(found[0].path, holes=True))


def _numbers(
    experiment: ResolvedExperiment,
    registry: Registry,
    raw: Tensor,
    given: InMemoryInput | None = None,
) -> Numbers | None:
    if raw.dim() < 2 or len(raw) <= 3:  # one picture, or as few measurements as it has channels
        return None
    source = Numbers(*inputs.prepare(experiment, registry, given))
    return source if len(source.names) > 1 else None


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
        size, names, sources = int(plan["size"]), tuple(plan["names"]), tuple(plan["images"])
        sizes = frozenset((int(height), int(width)) for height, width in plan.get("sizes", ()))
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{path} is damaged", "start a new run") from None
    facts = manifest.read(out) or {}
    raw, _ = folder.read_experiment(out, facts)
    try:
        experiment = raw.resolve(registry)
    except UnknownComponent as error:
        raise manifest.missing_plugin(error, facts, registry) from None
    experiment = kept_files.found_again(out, experiment, registry, facts)
    experiment = experiment.model_copy(
        update={"images": sources, "measurement": plan.get("measurement")}
    )
    source: Source
    if plan.get("in_memory"):
        source = Stored(names, size, out)
    elif experiment.measurement is not None:
        source = Measured(measured_inputs.files_of(experiment))
    else:
        files = inputs.pictures(experiment)
        known = sizes or frozenset(file.size() for file in files)
        source = ToDegrade(files, Framing.of(experiment, known))
    if source.names != names:
        raise BadInput(
            f"run {out} began with {len(names)} pictures, and other ones are there now",
            "put them back, or start a new run",
        )
    chunks = Chunks(out, experiment, registry, source, size)
    chunks.check_unchanged(facts)
    return chunks
