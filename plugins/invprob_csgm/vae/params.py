"""Parameters of the generator VAE and of its training."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from invprob.params import Params
from invprob.params.pictures import PictureTraining
from invprob.paths import PathText

Count = Annotated[int, Field(ge=1)]


class VAEParams(Params):
    """The decoder of a variational autoencoder."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"latent": 4, "hidden": [12, 16], "image_shape": [1, 8, 8]}]
        }
    )

    weights: PathText | None = Field(
        None,
        description="A file of `invprob train vae`, which knows its sizes; none: random weights of"
        " the sizes below.",
    )
    sha256: str | None = Field(None, description="Expected SHA-256 of the file; checked if given.")
    latent: int = Field(20, ge=1, description="Length of the input z.")
    hidden: tuple[Count, ...] = Field((500, 500), description="Widths of the layers between.")
    image_shape: tuple[Count, Count, Count] = Field(
        (1, 28, 28), description="Channels, height and width of the image."
    )

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        if self.weights is None:
            self.refuse_unused(("sha256",), "without weights; give weights=FILE")
        else:
            self.refuse_unused(
                ("latent", "hidden", "image_shape"),
                "beside weights, whose file knows; leave it out",
            )
        return self


class VAETraining(PictureTraining):
    """Training of a fully connected variational autoencoder on square images."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kimg": 1, "batch": 500, "hidden": [16]}]}
    )
    renamed: ClassVar = {"colours": "colors"}

    kimg: int = Field(3000, ge=1, description="Length, in thousands of images shown.")
    batch: int = Field(128, ge=1, description="Images per step.")
    lr: float = Field(1e-3, gt=0, description="Step size of Adam, which falls to 0 linearly.")
    latent: int = Field(20, ge=1, description="Length of the input z.")
    hidden: tuple[Count, ...] = Field((500, 500), description="Widths of the layers between.")
    flip: bool = Field(False, description="Show mirrored images as well.")
    colors: Literal[1, 3] = Field(1, description="Grey or RGB.")
    seed: int = Field(0, ge=0, description="Seed of every draw.")
