"""Parameters of the operators of cameras and scanners."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, field_validator

from invprob.params import OperatorParams, Params

SIZE = r"^\d+x\d+$"


def joined(value: object) -> object:
    """A pair of numbers as the text ``HxW``; anything else as it is."""
    pair = isinstance(value, (tuple, list)) and len(value) == 2
    return "x".join(map(str, value)) if pair else value  # type: ignore[call-overload]


def pair(text: str | None) -> tuple[int, int] | None:
    """The numbers of a text ``HxW``; None of none."""
    if text is None:
        return None
    rows, columns = map(int, text.split("x"))
    return rows, columns


class UnpicturedParams(OperatorParams):
    """Base of those of operators whose measurement does not tell the size of the image."""

    def image_shape(self, measured: tuple[int, int, int]) -> None:
        return None


class GreyParams(OperatorParams):
    """One grey value a pixel is measured."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"weights": [0.2, 0.7, 0.1]}, {}]})

    weights: tuple[float, ...] | None = Field(
        None,
        min_length=1,
        description="The response to each channel, e.g. 0.2,0.7,0.1; none: their mean.",
    )

    def image_shape(self, measured: tuple[int, int, int]) -> tuple[int, int, int]:
        return len(self.weights or "RGB"), measured[1], measured[2]


class CropParams(Params):
    """A window of the image is measured."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"size": "4x6", "at": "0x1"}]})

    size: str | None = Field(
        None,
        pattern=SIZE,
        description="Size HxW of the window, e.g. 48x48; none: half of both sides.",
    )
    at: str | None = Field(
        None,
        pattern=SIZE,
        description="Row x column of its upper left corner; without it, the middle.",
    )

    _join = field_validator("size", "at", mode="before")(joined)


class PadParams(OperatorParams):
    """The image with a black margin is measured."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"margin": "1x2"}]})

    margin: str = Field(
        "8x8", pattern=SIZE, description="Rows above and below x columns left and right."
    )

    _join = field_validator("margin", mode="before")(joined)

    def image_shape(self, measured: tuple[int, int, int]) -> tuple[int, int, int]:
        rows, columns = pair(self.margin) or (0, 0)
        return measured[0], measured[1] - 2 * rows, measured[2] - 2 * columns


class DemosaicParams(OperatorParams):
    """One colour a pixel is measured, through a colour filter array."""

    pattern: Literal["RGGB", "BGGR", "GRBG", "GBRG"] = Field(
        "RGGB", description="Bayer's pattern: the colours of the upper left 2x2 pixels, row by row."
    )

    def image_shape(self, measured: tuple[int, int, int]) -> tuple[int, int, int]:
        return 3, measured[1], measured[2]


class HadamardParams(UnpicturedParams):
    """Sums and differences of pixels are measured, as by a single-pixel camera."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ratio": 0.3}, {"order": "random", "ratio": 0.3}]}
    )

    ratio: float = Field(0.25, gt=0, le=1, description="Part of the patterns that are shown.")
    order: Literal["low", "random"] = Field(
        "low", description="Those of the fewest changes of sign, or the mean and random others."
    )


class FourierParams(UnpicturedParams):
    """A part of the Fourier coefficients is measured, as by magnetic resonance imaging."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"acceleration": 2.0},
                {"mask": "radial", "acceleration": 2.0},
                {"mask": "random", "acceleration": 2.0},
            ]
        }
    )

    mask: Literal["cartesian", "radial", "random"] = Field(
        "cartesian",
        description="Whole columns, lines through the origin on the grid, or single coefficients.",
    )
    acceleration: float = Field(
        4.0, ge=1, description="How many times fewer coefficients than pixels."
    )
    center: float = Field(
        0.08,
        ge=0,
        le=1,
        description="Part of the columns, or of each side, that is measured around the origin.",
    )


class RadonParams(UnpicturedParams):
    """Line integrals are measured, as by computed tomography with parallel rays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"angles": 9}]})

    angles: int = Field(60, ge=1, description="Directions, evenly over the range.")
    range: float = Field(180.0, gt=0, le=360, description="The range of directions in degrees.")


class PhaseParams(UnpicturedParams):
    """The magnitudes of Fourier coefficients are measured."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"masks": 2}]})

    oversampling: float = Field(
        2.0,
        ge=1,
        le=16,
        description="Sides of the grid of coefficients, in those of the image; 1.5 is what DPS and"
        " DAPS call 2.",
    )
    masks: int = Field(
        0, ge=0, le=64, description="Coded diffraction patterns, of random phases; 0: none."
    )
