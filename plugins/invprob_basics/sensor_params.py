"""Parameters of the operators that record a measurement: they clip, round or compress it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from invprob.params import Params

LOW = Field(0.0, description="The least value that is recorded.")
HIGH = Field(1.0, description="The largest value that is recorded.")


def _ordered(params: Any) -> Any:
    if not params.low < params.high:
        raise ValueError(f"low={params.low:g} is not below high={params.high:g}")
    return params


class ClipParams(Params):
    """What is too bright or too dark for the sensor is clipped."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"gain": 1.5}, {"gain": 2.0, "pivot": 0.5}]}
    )

    gain: float = Field(2.0, gt=0, description="Exposure: what an intensity is multiplied by.")
    pivot: float = Field(
        0.0, description="The intensity that the gain leaves: 0, or 0.5 to raise the contrast."
    )
    low: float = LOW
    high: float = HIGH
    _order = model_validator(mode="after")(_ordered)


class QuantizeParams(Params):
    """Values are rounded to a few levels, after the noise."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"bits": 3}, {"bits": 1, "dither": 1.0}]}
    )

    bits: int = Field(2, ge=1, le=16, description="2^bits levels from low to high.")
    dither: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Width of a known uniform offset of each value, in steps between levels.",
    )
    low: float = LOW
    high: float = HIGH
    _order = model_validator(mode="after")(_ordered)


class JPEGParams(Params):
    """The image is compressed by JPEG."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"quality": 30}, {"quality": 60, "subsampling": "444"}]}
    )

    quality: int = Field(
        10, ge=1, le=100, description="Quality, as libjpeg scales the standard tables."
    )
    subsampling: Literal["444", "420"] = Field(
        "420", description="Colour differences at full size, or of 2x2 pixels together."
    )
