"""Parameters of the plug-and-play set: its prior, and the training of its denoiser."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from invprob.params import Params
from invprob.params.pictures import PictureTraining
from invprob.paths import PathText


class PhotoParams(Params):
    """A denoiser of photographs."""

    weights: PathText = Field("photo", description="A bundled name, or a file of weights.")
    sha256: str | None = Field(None, description="Expected SHA-256 of its weights file.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Arithmetic of the network."
    )
    memory: int = Field(
        1024,
        ge=16,
        description="What the network may need at a time, in MiB; larger images are cut in tiles.",
    )


class PnPParams(Params):
    """Half-quadratic splitting with a denoiser."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"steps": 4}]})

    added: ClassVar = {"momentum": 0.0}

    steps: int = Field(12, ge=1, le=1000, description="Steps, each a data term and a denoiser.")
    momentum: float = Field(
        0.65,
        ge=0,
        lt=1,
        description="Part β of its last change by which an image goes on; 0: none.",
    )
    start: float = Field(
        0.2, gt=0, le=1, description="Noise level σ of the first step, in units of [0, 1]."
    )
    end: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Noise level of the last step; by default that of the measurement, before it"
        " was rounded.",
    )
    weight: float = Field(
        0.23, gt=0, description="Weight λ of the denoised image against the measurement."
    )
    inner: int = Field(
        20, ge=1, description="L-BFGS steps in the data term of operators that are not linear."
    )


class DiffPIRParams(Params):
    """Plug-and-play on the way back through a diffusion."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"steps": 4}]})

    steps: int = Field(50, ge=1, le=1000, description="Steps, each a denoiser and a data term.")
    start: float = Field(
        1.0, gt=0, description="Noise level σ/α of the first step, in units of [0, 1]."
    )
    end: float = Field(0.005, gt=0, description="Noise level of the last step.")
    weight: float = Field(
        1.0, gt=0, description="Weight λ of the denoised image against the measurement."
    )
    zeta: float = Field(1.0, ge=0, le=1, description="Part of the noise that is drawn afresh.")
    inner: int = Field(
        20, ge=1, description="L-BFGS steps in the data term of operators that are not linear."
    )


class DAPSParams(Params):
    """Decoupled annealing posterior sampling."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"levels": 3, "ode_steps": 2, "steps": 3}]}
    )

    levels: int = Field(50, ge=1, le=1000, description="Noise levels of the annealing.")
    start: float = Field(1.0, gt=0, description="Noise level σ/α of the first, in units of [0, 1].")
    end: float = Field(0.005, gt=0, description="Noise level of the last.")
    ode_steps: int = Field(
        4, ge=1, description="Steps of the probability-flow ODE that denoises; 1: the denoiser."
    )
    steps: int = Field(
        30, ge=1, description="Langevin steps for operators that are not linear; others are exact."
    )
    step_size: float = Field(
        0.1,
        gt=0,
        description="Langevin step size, in units of the least variance at a level, given y.",
    )


class DenoiserTraining(PictureTraining):
    """Training of a denoiser on tiles of photographs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kimg": 1, "batch": 500, "tile": 16, "channels": [16], "blocks": [1]}]
        }
    )
    renamed: ClassVar = {"colours": "colors"}

    kimg: int = Field(600, ge=1, description="Length, in thousands of tiles shown.")
    batch: int = Field(16, ge=1, description="Tiles per step.")
    tile: int = Field(64, ge=8, description="Side of the tiles that are shown, in pixels.")
    lr: float = Field(1e-3, gt=0, description="Peak step size of Adam.")
    warmup: int = Field(200, ge=1, description="Steps of linear warm-up.")
    decay: float = Field(
        0.6, ge=0, le=1, description="Part of the steps, at the end, in which the rate falls to 0."
    )
    ema: float = Field(0.999, ge=0, lt=1, description="Decay of the averaged weights.")
    least: float = Field(
        0.003, gt=0, description="Least noise level σ, in units of [0, 1]; the greatest is 1."
    )
    colors: Literal[1, 3] = Field(3, description="Grey or RGB.")
    patch: int = Field(2, ge=1, description="Side of the blocks of pixels seen as one.")
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (64, 96, 160), min_length=1, description="Channels by resolution, finest first."
    )
    blocks: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (3, 2, 2), min_length=1, description="Residual blocks by resolution."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Arithmetic; bfloat16 pays where the processor has AMX."
    )
    held_out: float = Field(0.05, ge=0, lt=1, description="Part of the tiles held out, by group.")
    group: Literal["folder", "name"] = Field(
        "name",
        description="What makes a group: a folder, or names that agree up to their last _.",
    )
    seed: int = Field(0, ge=0, description="Seed of every draw.")
    snapshot_kimg: int = Field(20, ge=1, description="Thousands of tiles between snapshots.")
