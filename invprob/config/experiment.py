"""A whole run as one model, written to and read from TOML; checked before torch is imported."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from invprob.config import needs, toml
from invprob.config.registry import Entry, Registry
from invprob.errors import BadInput, BadParams
from invprob.params import Params, Spec, read_chain
from invprob.params.crop_at import CropAt
from invprob.paths import InputPath


class Experiment(Params):
    """What to solve, with what, from which seed. Everything a run depends on, but the files."""

    usage: ClassVar[str] = "see `invprob solve --help`"

    images: tuple[InputPath, ...] = Field((), description="Images, folders, zips; none: bundled.")
    measurement: InputPath | None = Field(
        None, description="A degraded picture or array to start from."
    )
    resize: bool = Field(False, description="Resize images to the generator's size.")
    crop: bool = Field(False, description="Crop images to the generator's aspect or size.")
    crop_at: CropAt = Field(
        "middle", description="Where the crop lies: middle, top, …, or 0.2,0.5."
    )
    limit: int | None = Field(None, ge=1, description="Use the first images only.")
    operator: tuple[Spec, ...] = Field(
        (Spec(name="basics.inpaint"),), min_length=1, description="The operators, applied in order."
    )
    noise: Spec = Field(
        Spec.model_validate("basics.gaussian:sigma=0.02"),
        description="The noise, in units of [0, 1].",
    )
    generator: Spec | None = Field(None, description="The generator; none: the solver's default.")
    prior: dict[str, Spec] = Field(
        default_factory=dict, description="Priors by stage; 'default' serves every other stage."
    )
    solver: Spec = Field(Spec(name="sgilo.sgilo"), description="The algorithm.")
    samples: int = Field(4, ge=1, le=4096, description="Samples (chains, restarts) per image.")
    keep_measured: bool = Field(
        False, description="Keep measured pixels as they are in restored.png."
    )
    leave_out: Literal["none", "stuck"] = Field(
        "none", description="Leave chains that are stuck out of mean, std and intervals."
    )
    seed: int = Field(0, ge=0, description="Seed of every draw.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to compute.")
    observe: tuple[Spec, ...] = Field((), description="Observers, which watch every step.")

    @model_validator(mode="after")
    def _say_what_measured(self) -> Self:
        if self.measurement is not None and "operator" not in self.model_fields_set:
            raise BadInput(
                f"measurement {self.measurement} is given without what happened to it",
                "say it: --operator inpaint:mask=hole.png, superres:factor=4, identity, …",
            )
        return self

    @field_validator("observe", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, (str, Spec, Mapping)) else value

    @field_validator("operator", mode="before")
    @classmethod
    def _composition(cls, value: Any) -> Any:
        if isinstance(value, str):
            return _chain(value)
        if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
            return tuple(part for text in value for part in _chain(text))
        return [value] if isinstance(value, Mapping) else value

    def prior_of(self, stage: int) -> Spec | None:
        """The prior of a stage.

        Args:
            stage: The stage.

        Returns:
            The prior for this stage or for every other stage, if there is one.
        """
        return self.prior.get(str(stage), self.prior.get("default"))

    def to_toml(self) -> str:
        """Write the experiment.

        Returns:
            TOML, which `invprob.config.toml.read` and `parse` give back unchanged.
        """
        return toml.dumps(self.model_dump(mode="json"))

    def entries(self, registry: Registry) -> list[tuple[str, str, Spec, Entry]]:
        """Look up every component that is named.

        Args:
            registry: Where components are looked up.

        Returns:
            (path in the experiment, kind, spec, registry entry) of each.

        Raises:
            UnknownComponent: If nothing offers a component; `AmbiguousComponent` or `BrokenPlugin`
                alike.
        """
        named: list[tuple[str, str, Spec]] = [("solver", "solver", self.solver)]
        named += [("operator", "operator", spec) for spec in self.operator]
        named.append(("noise", "noise", self.noise))
        if self.generator is not None:
            named.append(("generator", "generator", self.generator))
        named += [(f"prior.{stage}", "prior", spec) for stage, spec in self.prior.items()]
        named += [("observe", "observer", spec) for spec in self.observe]
        return [(path, kind, s, registry.find(kind, s.name)) for path, kind, s in named]

    def with_defaults(self, registry: Registry) -> Self:
        """Fill in what the solver proposes, generator, prior and samples, where it is left open.

        Measured pixels are kept of what was measured without noise, unless another one is named.

        Args:
            registry: Where components are looked up; imports manifests only.

        Returns:
            The experiment, its parameters as they were given.

        Raises:
            UnknownComponent: If nothing offers the solver; `AmbiguousComponent` or `BrokenPlugin`
                alike.
        """
        defaults = dict(registry.find("solver", self.solver.name).component.defaults)
        changes: dict[str, Any] = {}
        if self.generator is None and "generator" in defaults:
            changes["generator"] = Spec.model_validate(defaults["generator"])
        if "default" not in self.prior and "prior" in defaults:
            changes["prior"] = {"default": Spec.model_validate(defaults["prior"]), **self.prior}
        if "samples" not in self.model_fields_set and "samples" in defaults:
            changes["samples"] = int(defaults["samples"])
        if self.keep_measured and "noise" not in self.model_fields_set:
            changes["noise"] = Spec(name="basics.none")
        return self.model_copy(update=changes)

    def resolve(self, registry: Registry) -> ResolvedExperiment:
        """Fill in all defaults, name components by their shortest names and judge parameters.

        Done once per run, before torch is imported: it reads manifests and parameter models only.

        Args:
            registry: Where components are looked up.

        Returns:
            What the run computes, to the last parameter.

        Raises:
            UnknownComponent: If nothing offers a component; `AmbiguousComponent` or `BrokenPlugin`
                alike.
            BadParams: If a parameter is unknown or out of range.
            Incompatible: If the components cannot work together.
        """
        whole = self.with_defaults(registry)
        for stage in whole.prior:
            if stage != "default" and not re.fullmatch("0|[1-9][0-9]*", stage):
                raise BadParams(f"prior stage {stage!r} is not a number", "write --prior 2=NAME")
        found = whole.entries(registry)
        solver = registry.find("solver", whole.solver.name).component
        entries = [(kind, entry) for _, kind, _, entry in found]
        needs.check(solver, whole.generator is not None, entries, registry)
        full: dict[str, list[Spec]] = {}
        for path, kind, spec, entry in found:
            model = entry.params().parse(spec.params, f"{kind} {spec.name}")
            values = {"name": registry.name(entry), **model.model_dump(exclude_none=True)}
            full.setdefault(path, []).append(Spec.model_validate(values))
        components = {
            "solver": full["solver"][0],
            "operator": tuple(full["operator"]),
            "noise": full["noise"][0],
            "generator": full["generator"][0] if "generator" in full else None,
            "prior": {stage: full[f"prior.{stage}"][0] for stage in whole.prior},
            "observe": tuple(full.get("observe", ())),
        }
        return ResolvedExperiment.model_construct(**{**dict(whole), **components})


class ResolvedExperiment(Experiment):
    """An experiment that leaves nothing open; `Experiment.resolve` makes it.

    `parse` takes one that was resolved elsewhere, in another process.
    """


def _chain(text: str) -> tuple[str, ...]:
    """The parts of ``A|B``."""
    parts = read_chain(text)
    if len(parts) > 1 and not all(map(str.strip, parts)):
        what = f"operator {text!r} has nothing on one side of |"
        raise BadParams(what, "write A|B, which applies A, then B")
    return parts
