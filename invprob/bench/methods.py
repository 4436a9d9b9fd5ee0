"""What a suite compares: tasks, methods, and settings of a method for some tasks."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from invprob.params import Params


def _prior_for_all(value: Any) -> Any:
    return {"default": value} if isinstance(value, str) else value


class Task(Params):
    """A way to measure."""

    operator: str = Field(description="The operators, as in invprob solve; A|B applies A, then B.")
    noise: str = Field("gaussian:sigma=0.02", description="The noise, in units of [0, 1].")

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.operator if self.noise == "none" else f"{self.operator}, {self.noise}"


class Override(Params):
    """Settings of a method for some tasks; a later one goes before an earlier one."""

    operator: str | None = Field(
        None, description="The operators it is for; * and ? match as in file names."
    )
    group: str | None = Field(None, description="The group of tasks it is for.")
    solver: str | None = Field(None, description="The algorithm there; none: the method's.")
    prior: dict[str, str] | None = Field(None, description="The priors; none: the method's.")
    set: tuple[str, ...] = Field((), description="Settings such as solver.steps=200.")

    _for_all = field_validator("prior", mode="before")(_prior_for_all)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.operator is None) == (self.group is None):
            raise ValueError("an override is for an operator or for a group: give one of them")
        if not (self.solver or self.prior or self.set):
            raise ValueError("an override changes something: give solver, prior or set")
        return self


class Method(Params):
    """A solver with all that it needs."""

    name: str | None = Field(None, description="What tables call it; none: as the solver.")
    solver: str = Field(description="The algorithm.")
    generator: str | None = Field(None, description="The generator; none: the suite's.")
    prior: dict[str, str] = Field(
        default_factory=dict, description="Priors by stage; 'default' serves every other stage."
    )
    samples: int | None = Field(None, ge=1, le=4096, description="Samples; none: the suite's.")
    override: tuple[Override, ...] = Field((), description="Settings for some tasks.")

    _for_all = field_validator("prior", mode="before")(_prior_for_all)

    @property
    def label(self) -> str:
        """What tables call it."""
        return self.name or self.solver.partition(":")[0]
