"""Parameters of the general samplers."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from invprob.params import Params


class ChainParams(Params):
    """What all chains have: a length, a burn-in, a step size."""

    steps: int = Field(1000, ge=1, description="Proposals of a chain.")
    step_size: float | None = Field(
        None, gt=0, description="Step size; none: adapted in the burn-in, then frozen."
    )
    target_accept: float = Field(
        0.574, gt=0, lt=1, description="Acceptance that the step size is adapted to."
    )
    burn_in: float = Field(0.5, ge=0, lt=1, description="Part of the steps before the draws.")
    thin: int = Field(1, ge=1, description="Count one step in so many as a draw.")

    @property
    def burn(self) -> int:
        """The number of steps before the draws."""
        return int(self.burn_in * self.steps)

    @model_validator(mode="after")
    def _room_to_adapt(self) -> Self:
        if self.step_size is None and self.burn == 0:
            raise ValueError(
                f"burn_in {self.burn_in:g} of {self.steps} steps leaves none in which the step size"
                " is adapted; give a step_size, or more of them"
            )
        return self


class MALAParams(ChainParams):
    """Langevin proposals with Metropolis' rule; step_size is η."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"steps": 40}]})


class HMCParams(ChainParams):
    """Hamiltonian trajectories with Metropolis' rule; step_size is that of the leapfrog."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"steps": 20, "leapfrog": 3}]})

    steps: int = Field(200, ge=1, description="Trajectories of a chain.")
    leapfrog: int = Field(10, ge=1, le=1000, description="Leapfrog steps of a trajectory.")
    jitter: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Draw the step size of every trajectory from 1 ± so much times step_size, so"
        " that none comes back to its start for good.",
    )
    target_accept: float = Field(
        0.8, gt=0, lt=1, description="Acceptance that the step size is adapted to."
    )


class PCNParams(ChainParams):
    """Crank-Nicolson proposals with Metropolis' rule; step_size is β."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"steps": 60}]})

    steps: int = Field(2000, ge=1, description="Proposals of a chain, without gradients.")
    step_size: float | None = Field(
        None, gt=0, le=1, description="Step size; none: adapted in the burn-in, then frozen."
    )
    target_accept: float = Field(
        0.25, gt=0, lt=1, description="Acceptance that the step size is adapted to."
    )
