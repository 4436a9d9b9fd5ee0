"""The cells of a suite: every method on every measurement, and what each one's key is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from invprob import fingerprint
from invprob.bench import provenance
from invprob.bench.measurements import Measured, measure
from invprob.bench.methods import Task
from invprob.bench.shared_models import sharing
from invprob.bench.store import key_of
from invprob.bench.suite import Suite
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import Incompatible
from invprob.generator import Identity
from invprob.io import images
from invprob.io.framing import Framing
from invprob.runs import build
from invprob.runs.build import Models


@dataclass(frozen=True, eq=False)
class Cell:
    """A method on a measurement.

    Attributes:
        method: The label of the method.
        task: The operator and the noise.
        image: The name of the picture.
        seed: The seed.
        experiment: What is computed.
        measured: The measurement.
        models: The SHA-256 of the weights that it uses.
        sketch: Their sketch, by which other processors know them.
        threads: Threads of the process that computes it.
        code: Versions and digests of the sources that it depends on, by name.
    """

    method: str
    task: Task
    image: str
    seed: int
    experiment: ResolvedExperiment
    measured: Measured
    models: str
    sketch: Sequence[float]
    threads: int
    code: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """What a person calls it."""
        return f"{self.method} × {self.task.name} × {self.image} × seed {self.seed}"

    @cached_property
    def key(self) -> str:
        """The name of its file: a digest of everything that determines its figures."""
        return key_of(
            {
                "experiment": _without_paths(self.experiment),
                "measurement": self.measured.sha256,
                "models": self.models,
                "threads": self.threads,
                "code": dict(self.code),
            }
        )


def _without_paths(experiment: ResolvedExperiment) -> dict[str, Any]:
    """The experiment without where weights lie: what they are is in `models`."""
    told = experiment.model_dump(mode="json")
    del told["keep_measured"]  # which changes a picture and no figure
    for spec in (told["generator"], *told["prior"].values()):
        for name in ("weights", "sha256"):
            (spec or {}).pop(name, None)
    return told


def cells(suite: Suite, beside: Path, folder: Path, registry: Registry) -> list[Cell]:
    """List all cells of a suite, those of one measurement side by side, and measure what is new.

    Args:
        suite: The suite.
        beside: The folder of the suite, where relative paths begin.
        folder: Where measurements are stored.
        registry: The components.

    Returns:
        The cells.
    """
    loaded = _models(suite, beside, registry)
    shapes = {method: it.shape for (method, _), it in loaded.items() if it.shape is not None}
    made: list[list[Cell]] = [[] for _ in suite.tasks]
    # a picture is read once and not kept
    for place, (name, truth) in enumerate(_pictures(suite, beside, _common_shape(shapes))):
        for task, its in zip(suite.tasks, made, strict=True):
            for seed in suite.seeds_of(place):
                measured = None
                for method in suite.method:
                    experiment = suite.experiment(method, task, seed, registry)
                    told = provenance.of_experiment(experiment, registry)
                    if measured is None:
                        drawn_by = provenance.of_experiment(
                            experiment, registry, ("operator", "noise")
                        )
                        measured = measure(folder, experiment, registry, truth, drawn_by)
                    its.append(
                        Cell(
                            method=method.label,
                            task=task,
                            image=name,
                            seed=seed,
                            experiment=experiment,
                            measured=measured,
                            models=loaded[method.label, task.name].sha256,
                            sketch=loaded[method.label, task.name].sketch,
                            threads=suite.threads,
                            code=tuple(sorted(told.items())),
                        )
                    )
    return [cell for its in made for cell in its]


Shape = tuple[int, int, int]


class Loaded(NamedTuple):
    """What is known of the weights that a method uses.

    Attributes:
        sha256: Their SHA-256.
        sketch: Their sketch.
        shape: (C, H, W) of the images; None: any.
    """

    sha256: str
    sketch: Sequence[float]
    shape: Shape | None


def _models(suite: Suite, beside: Path, registry: Registry) -> dict[tuple[str, str], Loaded]:
    """What each method loads for each task; an override may name other stages or priors."""
    first = _first_shape(suite, beside)
    make, known = sharing(), dict[str, Loaded]()
    made = {}
    for method in suite.method:
        for task in suite.tasks:
            experiment = suite.experiment(method, task, 0, registry)
            brought = experiment.model_dump_json(include={"solver", "generator", "prior"})
            if brought not in known:
                found = build.models(experiment, registry, first, make)
                modules = (found.generator, *found.priors.values())
                known[brought] = Loaded(
                    fingerprint.of_modules(*modules),
                    fingerprint.sketch(*modules),
                    _own_shape(found),
                )
            made[method.label, task.name] = known[brought]
    return made


def _own_shape(found: Models) -> Shape | None:
    """The images that a generator or a prior makes; None where those of any size will do."""
    if isinstance(found.generator, Identity):
        return getattr(found.priors.get(0), "image_shape", None)
    return found.generator.image_shape


def _files(suite: Suite, beside: Path) -> list[images.ImageFile]:
    return images.gather(suite.paths(beside)) if suite.images else images.bundled()


def _first_shape(suite: Suite, beside: Path) -> Shape:
    channels, height, width = _files(suite, beside)[0].read(3).shape
    return channels, height, width


def _common_shape(shapes: dict[str, Shape]) -> Shape | None:
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{label} {w}×{h}" for label, (_, h, w) in shapes.items())
        raise Incompatible(
            f"the methods of the suite work on images of other sizes: {told}",
            "compare methods whose generators and priors are of one size",
        )
    return next(iter(shapes.values()), None)


def _pictures(suite: Suite, beside: Path, shape: Shape | None) -> Iterator[tuple[str, Tensor]]:
    """Names and truths (C, H, W); of more images than the limit, evenly spread ones.

    Where the methods take images of any size, each keeps its own, unless a framing is asked for,
    which makes all of them as large as the first.
    """
    files = _files(suite, beside)
    count = min(suite.limit or len(files), len(files))
    chosen = [files[i * len(files) // count] for i in range(count)]
    framing = Framing.of(suite)
    if shape is None and not (suite.resize or suite.crop):
        yield from ((f.name, f.read(3)) for f in chosen)
        return
    shape = shape or _first_shape(suite, beside)
    yield from ((f.name, framing.picture(f.read(shape[0]), shape[1:], f.name)) for f in chosen)
