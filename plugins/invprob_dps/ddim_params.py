"""Parameters of a diffusion model as a generator, and of the solvers that descend on it."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from invprob.params import Params
from invprob_dps.params import PixelDiffusionParams


class DDIMParams(PixelDiffusionParams):
    """A diffusion model of images as a generator."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"steps": 2, "height": 16, "width": 16}]}
    )

    steps: int = Field(
        3, ge=1, le=1000, description="Steps from noise to image, each a stage; 1: the denoiser."
    )
    spacing: Literal["trailing", "leading", "linspace"] = Field(
        "trailing", description="Which of the model's times are visited, in the terms of diffusers."
    )
    recompute: bool = Field(
        True,
        description="Compute a stage again for its gradient instead of keeping what it was made of"
        " (gradient checkpointing): less memory, more time.",
    )


class DMPlugParams(Params):
    """Descent on the seed of a diffusion model."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"steps": 3}]})

    steps: int = Field(300, ge=1, description="Steps of Adam.")
    lr: float = Field(0.1, gt=0, description="Step size of Adam.")
    patience: int = Field(
        100,
        ge=0,
        description="End a row after this many steps in which its images do not settle further; the"
        " steadiest image counts. 0: the image that fits best, after all steps.",
    )
    memory: float = Field(
        0.1, gt=0, le=1, description="Weight of the newest image in the moving mean and variance."
    )
    fitted: float = Field(
        0.0,
        ge=0,
        description="A row rests once its χ² is at most this: 1 by the discrepancy principle"
        " (Morozov, 1966); 0: no.",
    )


class DMILOParams(Params):
    """Stage by stage, from the image back to the seed, with sparse deviations."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rounds": 1, "steps": 2}]})

    rounds: int = Field(3, ge=1, description="Ways back from the image to the seed.")
    steps: int = Field(50, ge=1, description="Steps of Adam at each stage of a round.")
    lr: float = Field(
        0.1, gt=0, description="Step size of Adam, in units of each leaf's spread under G."
    )
    weight: float = Field(
        3.0,
        gt=0,
        description="Weight λ of the deviation of the image, in standard deviations of the noise:"
        " what fits as well is not explained by it.",
    )
    knee: float = Field(
        0.1,
        gt=0,
        description="The same for the deviation of a latent, in units of its spread under G.",
    )
