"""A suite: methods × (operators × noise, or tasks) × images × seeds. Imports no torch."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from invprob import paths
from invprob.bench.methods import Method, Override, Task
from invprob.bench.tables import METRICS
from invprob.bench.toml_lines import line_of
from invprob.config import toml
from invprob.config.experiment import Experiment, ResolvedExperiment
from invprob.config.override import override
from invprob.config.registry import Registry
from invprob.errors import BadParams, InvprobError, nearest
from invprob.params import Params, Spec, read_chain
from invprob.params.crop_at import CropAt
from invprob.params.wording import place, sentence

DEFAULT = Path(__file__).with_name("default.toml")


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
    seeds: tuple[int, ...] = Field(
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


def read(
    path: Path, registry: Registry, changes: Mapping[str, Any] = MappingProxyType({})
) -> Suite:
    """Read a suite and judge every experiment of it.

    Args:
        path: A TOML file.
        registry: The components.
        changes: Fields that replace what the file says.

    Returns:
        The suite.

    Raises:
        BadParams: If a value is wrong, with file, line and hint.
    """
    text = toml.read_text(path, "suite")
    try:
        table = toml.parse(text)
    except tomllib.TOMLDecodeError as error:
        raise BadParams(
            f"{path} is not TOML: {error}", "see docs/how-to/comparing-methods.md"
        ) from None
    try:
        suite = Suite.model_validate({**table, **changes})
    except ValidationError as error:
        raise _located(path, text, error) from None
    for where, check in _checks(suite, path.parent, registry):
        try:
            check()
        except InvprobError as error:
            line = line_of(text, where)
            raise type(error)(f"{path}, line {line}: {error.message}", error.hint) from None
    return suite


def _checks(suite: Suite, beside: Path, registry: Registry) -> Iterator[tuple[Sequence[Any], Any]]:
    """(place in the file, what raises if it is wrong)."""
    from invprob.io import images

    def known(kind: str, text: str) -> None:
        for part in read_chain(text):
            spec = Spec.model_validate(part)
            entry = registry.find(kind, spec.name)
            entry.params().parse(spec.params, f"{kind} {spec.name}")

    if suite.images:
        yield ("images",), lambda: images.gather(suite.paths(beside))
    for operator in suite.operators:
        yield ("operators",), lambda text=operator: known("operator", text)
    for noise in suite.noise:
        yield ("noise",), lambda text=noise: known("noise", text)
    for i, task in enumerate(suite.task):
        yield ("task", i, "operator"), lambda text=task.operator: known("operator", text)
        yield ("task", i, "noise"), lambda text=task.noise: known("noise", text)
    for i, method in enumerate(suite.method):
        for task in suite.tasks:
            yield ("method", i), lambda m=method, t=task: suite.experiment(m, t, 0, registry)


def _located(path: Path, text: str, error: ValidationError) -> BadParams:
    """Every fault with its line."""
    faults, hint = [], "see docs/how-to/comparing-methods.md"
    for fault in error.errors(include_url=False):
        where = [p for p in fault["loc"] if not (isinstance(p, str) and p.startswith("function-"))]
        name = place(where)
        line = line_of(text, where)
        if fault["type"] == "extra_forbidden":
            faults.append(f"line {line}: there is no {name}")
            models: dict[str, type[Params]] = {"method": Method, "task": Task, "override": Override}
            model = next((models[str(p)] for p in reversed(where[:-1]) if p in models), Suite)
            hint = nearest(str(where[-1]), model.model_fields)
        else:
            message, given = sentence(fault), fault["input"]
            got = "" if isinstance(given, (dict, Suite)) else f" (got {given!r})"
            faults.append(f"line {line}: {name}: {message}{got}" if name else message)
    return BadParams(f"{path}, " + "; ".join(faults), hint)
