"""Parameters of the random generator and of the descent on it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from invprob.params import Params

Count = Annotated[int, Field(ge=1)]


class RandomReLUParams(Params):
    """A network of random weights: G(z) = relu(W_d … relu(W_1 z))."""

    model_config = ConfigDict(
        # seed 1 draws pictures of which more than half of the pixels are lit
        json_schema_extra={"examples": [{"latent": 6, "image_shape": [1, 8, 8], "seed": 1}]}
    )

    latent: int = Field(10, ge=1, description="Length k of the input.")
    depth: int = Field(2, ge=1, le=100, description="Layers d; each is a stage.")
    image_shape: tuple[Count, Count, Count] = Field(
        (3, 16, 16), description="Channels, height and width of the image."
    )
    widths: tuple[Count, ...] | None = Field(
        None,
        description="Widths of the layers before the last; none: each layer widens by the same"
        " factor.",
    )
    seed: int = Field(0, ge=0, description="Seed of the weights.")

    @model_validator(mode="after")
    def _one_width_for_each_layer(self) -> Self:
        if self.widths is not None and len(self.widths) != self.depth - 1:
            raise ValueError(
                f"{self.depth} layers have {self.depth - 1} widths before the last,"
                f" {len(self.widths)} are given"
            )
        return self


class SignDescentParams(Params):
    """Gradient descent on ½‖A G(z) − y‖² with a sign check."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"steps": 20}]})

    steps: int = Field(200, ge=1, description="Gradient steps.")
    step_size: float = Field(
        0.2,
        gt=0,
        description="Step size; stable below 2 over the largest curvature of the objective, which"
        " is about 5 for `random-relu` and a measurement that keeps lengths.",
    )
    flip: bool = Field(True, description="Take −z for z before a step if it fits better.")
