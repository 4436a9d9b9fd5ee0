"""Parameters of the latent score prior and of its training."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from invprob.params import Params
from invprob.paths import InputPath, PathText

LARGEST = 2 * 2**30
"""Bytes of weights beyond which a prior is refused."""


class LatentScoreParams(Params):
    """A score network over the latents of one stage."""

    weights: PathText = Field(
        "auto",
        description="The path of a prior, or auto: the one bundled with the generator's weights.",
    )
    sha256: str | None = Field(None, description="Expected SHA-256 of the file; checked if given.")


class PriorTraining(Params):
    """Training of a latent score prior."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"stage": 1, "steps": 2, "batch": 4, "width": 16}]}
    )

    stage: int = Field(1, ge=1, description="The stage whose latents to learn.")
    latents: Literal["synthetic", "inverted", "encoded"] = Field(
        "synthetic",
        description="Latents that the generator induces, of inverted images, or of images as an"
        " encoder finds them.",
    )
    data: InputPath | None = Field(
        None,
        description="The folder of invprob invert for inverted latents, of the stage or an earlier"
        " one; images for encoded latents.",
    )
    pictures: InputPath | None = Field(
        None,
        description="The pictures that were inverted: what they have beyond the images of their"
        " latents is learned too.",
    )
    encoder: InputPath | None = Field(
        None, description="The encoder of the generator's latents: see invprob train encoder."
    )
    start: InputPath | None = Field(
        None, description="A prior of the same stage and size whose weights to begin with."
    )
    held_out: float = Field(
        0.08, gt=0, lt=1, description="Part of inverted images held out, whole folders at a time."
    )
    sde: Literal["vp", "sub-vp", "ve"] = Field(
        "vp", description="Noise schedule: variance preserving, sub-VP or variance exploding."
    )
    weighting: Literal["uniform", "likelihood"] = Field(
        "uniform", description="Times drawn evenly, or so that the loss bounds the likelihood."
    )
    steps: int = Field(5000, ge=1, description="Steps of Adam.")
    batch: int = Field(64, ge=1, description="Latents per step.")
    lr: float = Field(1e-3, gt=0, description="Peak step size.")
    warmup: int = Field(100, ge=1, description="Steps of linear warm-up.")
    ema: float = Field(0.999, ge=0, lt=1, description="Decay of the averaged weights.")
    width: int = Field(128, ge=4, description="Width of the transformer.")
    depth: int = Field(4, ge=1, description="Blocks of the transformer.")
    heads: int = Field(4, ge=1, description="Heads of its attention; divides the width.")
    patch: int = Field(1, ge=1, description="Side of a token in feature positions.")
    rank: int = Field(
        256,
        ge=0,
        description="Directions of the normal distribution that the network adds to; 0: standard.",
    )
    error_rank: int | None = Field(
        None,
        ge=1,
        description="Principal components of what pictures have beyond those images; none: 300, or"
        " a quarter of the pictures if that is less.",
    )
    mixing: float = Field(
        0.9, ge=0, le=1, description="Part of the latents whose codes come from two inputs."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Arithmetic of the network; held-out figures are float32."
    )
    seed: int = Field(0, ge=0, description="Seed of every draw.")
    validate_every: int = Field(500, ge=1, description="Steps between held-out figures.")
    checkpoint_seconds: float = Field(120.0, gt=0, description="Seconds between checkpoints.")

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        unused = {
            "synthetic": ("data", "encoder", "pictures", "error_rank"),
            "inverted": ("encoder",),
            "encoded": ("pictures", "error_rank"),
        }
        others = "encoded" if self.latents == "inverted" else "inverted or encoded"
        self.refuse_unused(
            unused[self.latents], f"with latents={self.latents}; say latents={others}"
        )
        return self

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        # of a block: 4 width² in attention, 8 in the perceptron, 6 in the modulation
        size = 4 * 18 * self.depth * self.width**2
        if size > LARGEST:
            raise ValueError(
                f"{self.depth} blocks of width {self.width} take {size / 2**30:.1f} GiB;"
                " give a smaller width or depth"
            )
        return self

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if self.width % self.heads:
            raise ValueError(
                f"heads={self.heads} does not divide width={self.width}, as attention needs it"
            )
        return self
