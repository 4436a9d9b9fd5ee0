"""Parameters of the basic operators, noises and priors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    WrapValidator,
    field_validator,
    model_validator,
)

from invprob.params import OperatorParams, Params
from invprob.paths import AUTO, InputPath, PathText


class Exclusive(Params):
    """Parameters of which exactly one of a few may be given."""

    def _one_of(self, *names: str) -> Self:
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            what = " and ".join(given) if given else "none"
            raise ValueError(f"give exactly one of {', '.join(names)}; {what} is given")
        return self


class IdentityParams(Params):
    """The image itself is measured."""


class InpaintParams(Exclusive):
    """Some pixels are measured, the others are missing."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"keep": 0.5}, {"half": "left"}]})

    keep: float | None = Field(
        None, gt=0, le=1, description="Part of the pixels kept, at random; the default is 0.1."
    )
    box: str | None = Field(
        None, pattern=r"^\d+x\d+$", description="Size HxW of a missing box, e.g. 24x32."
    )
    at: str | None = Field(
        None,
        pattern=r"^\d+x\d+$",
        description="Row x column of the box's upper left corner; without it, the middle.",
    )
    half: Literal["left", "right", "top", "bottom"] | None = Field(
        None, description="The half that is missing."
    )
    scratches: int | None = Field(
        None, ge=1, le=1000, description="How many random scratches are missing, 1.5 to 4 px wide."
    )
    mask: InputPath | None = Field(
        None,
        description="An image or array of the size of the picture: light pixels are measured, dark"
        " ones missing. auto: pixels of the picture are missing that have the color, or are"
        " transparent.",
    )
    color: str | None = Field(
        None,
        pattern=r"^#?[0-9a-fA-F]{6}$",
        description="Of mask=auto: the color that marks what is missing, e.g. #ff00ff.",
    )
    tolerance: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Of mask=auto: the greatest difference from the color, in units of [0, 1]; the"
        " default is 0.1.",
    )
    grow: int | None = Field(
        None,
        ge=0,
        le=64,
        description="Of mask=auto: pixels by which the hole is enlarged, for soft edges; the"
        " default is 1.",
    )

    @field_validator("box", "at", mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        pair = isinstance(value, (tuple, list)) and len(value) == 2
        return "x".join(map(str, value)) if pair else value  # type: ignore[call-overload]

    @model_validator(mode="before")
    @classmethod
    def _default(cls, data: object) -> object:
        if isinstance(data, dict) and not {"keep", "box", "half", "scratches", "mask"} & {
            k for k, v in data.items() if v is not None
        }:
            return {**data, "keep": 0.1}
        return data

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.at is not None and self.box is None:
            raise ValueError("at says where a box is, but no box is given")
        marks = [n for n in ("color", "tolerance", "grow") if getattr(self, n) is not None]
        if marks and self.mask != AUTO:
            raise ValueError(f"{marks[0]} says how a mask is found; write mask=auto")
        if self.tolerance is not None and self.color is None:
            raise ValueError("tolerance is that of a color, but no color is given")
        return self._one_of("keep", "box", "half", "scratches", "mask")


class SuperresParams(OperatorParams):
    """A smaller image is measured."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"factor": 2, "kernel": "average"}]})

    factor: int = Field(4, ge=2, description="How many times smaller; divides both sides.")
    kernel: Literal["bicubic", "average"] = Field(
        "bicubic", description="Antialiased bicubic (a = −0.5), or the mean of each block."
    )

    def image_shape(self, measured: tuple[int, int, int]) -> tuple[int, int, int]:
        return measured[0], measured[1] * self.factor, measured[2] * self.factor


class BlurParams(Exclusive):
    """A blurred image of the same size is measured."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"sigma": 1.0}, {"motion": 5.0, "angle": 30.0}]}
    )

    sigma: float | None = Field(
        None, gt=0, description="Standard deviation of a Gaussian in pixels; the default is 2."
    )
    motion: float | None = Field(None, gt=1, description="Length of a straight motion in pixels.")
    angle: float = Field(0.0, description="Direction of the motion in degrees, 0 is to the right.")
    kernel: InputPath | None = Field(
        None, description="An image or array that holds the kernel; it is scaled to sum 1."
    )
    boundary: Literal["reflect", "circular"] = Field(
        "reflect", description="What lies beyond the border: the mirror image, or the other side."
    )

    @model_validator(mode="before")
    @classmethod
    def _default(cls, data: object) -> object:
        if isinstance(data, dict) and not {"sigma", "motion", "kernel"} & {
            k for k, v in data.items() if v is not None
        }:
            return {**data, "sigma": 2.0}
        return data

    @model_validator(mode="after")
    def _check(self) -> Self:
        return self._one_of("sigma", "motion", "kernel")


class ColorizeParams(OperatorParams):
    """Only the luma of the image is measured."""

    def image_shape(self, measured: tuple[int, int, int]) -> tuple[int, int, int]:
        return 3, measured[1], measured[2]


class CompressedParams(Exclusive):
    """Random linear measurements, fewer than pixels (compressed sensing)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"m": 20}, {"matrix": "gaussian", "ratio": 0.2}]}
    )

    matrix: Literal["circulant", "gaussian"] = Field(
        "circulant", description="Partial random circulant matrix, or independent Gaussian entries."
    )
    m: int | None = Field(None, ge=1, description="How many measurements.")
    ratio: float | None = Field(
        None, gt=0, le=1, description="Measurements per image value; the default is 0.1."
    )

    @model_validator(mode="before")
    @classmethod
    def _default(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("m") is None and data.get("ratio") is None:
            return {**data, "ratio": 0.1}
        return data

    @model_validator(mode="after")
    def _check(self) -> Self:
        return self._one_of("m", "ratio")


class NoNoiseParams(Params):
    """Exact measurements."""

    tolerance: float = Field(
        0.01, gt=0, description="Standard deviation, in units of [0, 1], by which χ² is judged."
    )


def _number_or_auto(value: Any, number: Callable[[Any], Any]) -> Any:
    return value if value == AUTO else number(value)


Level = Annotated[
    float,
    Field(gt=0),
    WrapValidator(_number_or_auto),
    PlainSerializer(lambda value: value, return_type=Any),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"const": AUTO}]}),
]
"""A standard deviation, or the text ``auto``."""


class GaussianNoiseParams(Params):
    """Independent Gaussian noise."""

    sigma: Level = Field(
        0.02,
        description="Standard deviation in units of [0, 1]; half the papers' [−1, 1]. auto: that of"
        " the measurement, estimated.",
    )


class PoissonNoiseParams(Params):
    """Photon noise."""

    gain: float = Field(
        0.01,
        gt=0,
        le=1e6,
        description="Intensity per photon: white (1) is 1/gain photons on average.",
    )


class GaussianPriorParams(Params):
    """An independent normal distribution on every coordinate of a latent."""

    mean: float = Field(0.0, description="Mean of every coordinate.")
    std: float = Field(1.0, gt=0, description="Standard deviation of every coordinate.")


class SphereParams(Params):
    """The sphere on which a standard normal distribution concentrates."""


class CSVLogParams(Params):
    """The figures of every step as a table."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"every": 2}]})

    path: PathText | None = Field(
        None, min_length=1, description="The file; none: observed.csv in the run folder."
    )
    every: int = Field(1, ge=1, description="Steps between rows; the last step is always written.")


class TensorBoardLogParams(Params):
    """Curves and pictures of a run, for TensorBoard."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"every": 2, "images": 2}]})

    path: PathText | None = Field(
        None, min_length=1, description="The folder; none: tensorboard/ in the run folder."
    )
    every: int = Field(1, ge=1, description="Steps between points of the curves.")
    images: int = Field(50, ge=0, description="Steps between pictures; 0: none.")
    shown: int = Field(8, ge=1, description="Chains of which pictures are written.")
