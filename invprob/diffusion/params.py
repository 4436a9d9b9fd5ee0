"""Parameters of the samplers of a score model."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from invprob.params import Params


class SamplerParams(Params):
    """A predictor–corrector sampler, or the probability-flow ODE."""

    predictor: Literal["euler", "reverse", "ancestral", "ode", "none"] = Field(
        "ancestral",
        description="Euler–Maruyama, reverse diffusion, ancestral, probability flow, or none.",
    )
    corrector: Literal["langevin", "annealed", "none"] = Field(
        "none", description="Langevin (step from the signal-to-noise ratio), annealed, or none."
    )
    steps: int = Field(100, ge=1, description="Times from the start to the least noise.")
    corrections: int = Field(1, ge=1, description="Steps of the corrector at each time.")
    snr: float = Field(0.1, gt=0, description="Signal-to-noise ratio that sizes the corrector.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.predictor == "none" and self.corrector == "none":
            raise ValueError("a sampler without predictor needs a corrector")
        if self.predictor == "ode" and self.corrector != "none":
            raise ValueError("the probability flow takes no corrector")
        return self
