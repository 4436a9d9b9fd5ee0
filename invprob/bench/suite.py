"""A suite: methods × (operators × noise, or tasks) × images × seeds. Imports no torch."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from invprob import paths
from invprob.bench.methods import Method, Override, Task
from invprob.bench.tables import METRICS
from invprob.config.experiment import Experiment, ResolvedExperiment
from invprob.config.override import override
from invprob.config.registry import Registry
from invprob.errors import BadParams, nearest
from invprob.params import Params
from invprob.params.crop_at import CropAt


class Suite(Params):
    """What is compared on what."""

    name: str = Field("suite", pattern=r"^[\w.-]+$", description="What its folder is called.")
    method: tuple[Method, ...] = Field(min_length=1, description="The methods.")
    operators: tuple[str, ...] = Field((), description="Operators, each with each noise.")
    noise: tuple[str, ...] = Field(
        ("gaussian:sigma=0.02",), min_length=1, description="Noises, in units of [0, 1]."
    )
    task: tuple[Task, ...] = Field((), description="Further tasks, each with its own noise.")
    groups: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Groups of tasks: a name and its operators (* and ?)."
    )
    generator: str | None = Field(
        None, description="Of solvers that need a generator; none: the solver's default."
    )
    images: tuple[str, ...] = Field(
        (), description="Images, folders or zip files beside the suite; none: the bundled ones."
    )
    limit: int | None = Field(None, ge=1, description="Use so many images, evenly spread.")
    resize: bool = Field(False, description="Resize images to the size of the methods.")
    crop: bool = Field(False, description="Crop images to the size or aspect of the methods.")
    crop_at: CropAt = Field(
        "middle", description="Where the crop lies: middle, top, …, or 0.2,0.5."
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0,), min_length=1, description="Seeds of every draw: masks, matrices, noise, chains."
    )
    spread_seeds: bool = Field(
        False, description="Give each image one of the seeds, in turn; false: all of them."
    )
    samples: int = Field(4, ge=1, le=4096, description="Samples (chains, restarts) per image.")
    reference: str | None = Field(None, description="The method to compare with; none: the first.")
    compare: tuple[str, ...] = Field(
        ("psnr_mean",), description="Metrics whose differences to the reference tables show."
    )
    timeout: float = Field(600.0, gt=0, description="Seconds after which a cell is given up.")
    threads: int = Field(2, ge=1, description="Threads that compute a cell; they can move bits.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to compute.")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The grid of operators and noises, then the further tasks."""
        grid = [Task(operator=o, noise=n) for o in self.operators for n in self.noise]
        return (*grid, *self.task)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the methods."""
        return tuple(method.label for method in self.method)

    def only(self, labels: Sequence[str]) -> Suite:
        """The suite with some of its methods.

        Args:
            labels: Their names, in any order; none: all.

        Returns:
            A suite whose reference is the one of this suite, or its first method where that is not
            among them.

        Raises:
            BadParams: If there is no method of such a name.
        """
        for label in labels:
            if label not in self.labels:
                raise BadParams(
                    f"suite {self.name} has no method {label!r}", nearest(label, self.labels)
                )
        chosen = tuple(m for m in self.method if not labels or m.label in labels)
        kept = self.reference in [method.label for method in chosen]
        return self.model_copy(
            update={"method": chosen, "reference": self.reference if kept else None}
        )

    def tasks_by_group(self) -> dict[str, list[str]]:
        """The names of the tasks of each group."""
        return {g: [t.name for t in self.tasks if self._in(t, g)] for g in self.groups}

    def _in(self, task: Task, group: str) -> bool:
        return any(fnmatch.fnmatchcase(task.operator, p) for p in self.groups[group])

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.tasks:
            raise ValueError("the grid is empty: give operators, or a [[task]]")
        names = [task.name for task in self.tasks]
        for what, all_names in (("method", self.labels), ("task", names), ("seed", self.seeds)):
            twice = sorted({str(n) for n in all_names if list(all_names).count(n) > 1})
            if twice:
                raise ValueError(f"two are called alike: {what} {twice[0]}")
        if self.reference is not None and self.reference not in self.labels:
            raise ValueError(
                f"there is no method {self.reference!r} to compare with;"
                f" {nearest(self.reference, self.labels)}"
            )
        for metric in self.compare:
            if metric not in METRICS:
                raise ValueError(
                    f"there is no metric {metric!r} to compare; {nearest(metric, METRICS)}"
                )
        for group, tasks in self.tasks_by_group().items():
            if not tasks:
                raise ValueError(f"group {group!r} matches none of the tasks")
        for rule in (rule for method in self.method for rule in method.override):
            if (named := rule.group) is not None and named not in self.groups:
                raise ValueError(f"there is no group {named!r}; {nearest(named, self.groups)}")
            if not any(self._applies(rule, task) for task in self.tasks):
                raise ValueError(f"an override is for {rule.operator!r}, which no task matches")
        return self

    def seeds_of(self, place: int) -> tuple[int, ...]:
        """The seeds that an image meets.

        Args:
            place: The number of the image, from 0.

        Returns:
            All seeds, or one of them in turn.
        """
        return (self.seeds[place % len(self.seeds)],) if self.spread_seeds else self.seeds

    def chosen(self, method: Method, task: Task) -> tuple[str, dict[str, str]]:
        """What a method runs on a task, before single settings are changed.

        Args:
            method: The method.
            task: The task.

        Returns:
            The solver, and the priors by stage.
        """
        rules = [rule for rule in reversed(method.override) if self._applies(rule, task)]
        solver = next((rule.solver for rule in rules if rule.solver), method.solver)
        return solver, next((rule.prior for rule in rules if rule.prior), method.prior)

    def experiment(
        self, method: Method, task: Task, seed: int, registry: Registry
    ) -> ResolvedExperiment:
        """What a method does to a task.

        Args:
            method: The method.
            task: The task.
            seed: The seed of every draw.
            registry: Where components are found.

        Returns:
            The experiment, complete and judged; its images are left out.
        """
        solver, prior = self.chosen(method, task)
        table: dict[str, Any] = {
            "operator": task.operator,
            "noise": task.noise,
            "solver": solver,
            "prior": prior,
            "samples": method.samples or self.samples,
            "seed": seed,
            **self.model_dump(include={"device", "resize", "crop", "crop_at"}),
        }
        needs = registry.find("solver", solver.partition(":")[0]).component.needs
        generator = method.generator or (self.generator if "generator" in needs else None)
        if generator is not None:
            table["generator"] = generator
        made = Experiment.parse(table)
        changes = [s for r in method.override if self._applies(r, task) for s in r.set]
        if changes:
            whole = made.with_defaults(registry).model_dump(mode="json")
            made = Experiment.parse(override(whole, changes, registry))
        return made.resolve(registry)

    def _applies(self, rule: Override, task: Task) -> bool:
        if rule.group is not None:
            return self._in(task, rule.group)
        return fnmatch.fnmatchcase(task.operator, rule.operator or "")

    def paths(self, beside: Path) -> list[str]:
        """List the images.

        Args:
            beside: The folder of the suite, where relative paths begin.

        Returns:
            Files, folders and zip files.
        """
        return [str(beside / paths.expand(image)) for image in self.images]
