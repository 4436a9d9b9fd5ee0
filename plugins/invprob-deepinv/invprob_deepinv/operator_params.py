"""Parameters of the operators, under the names that they have in deepinv where it has one."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from invprob.params import OperatorParams, Params


def _example(**values: JsonValue) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


class InpaintingParams(Params):
    """Random pixels are measured."""

    mask: float = Field(0.5, gt=0, le=1, description="Part of the pixels that is measured.")
    pixelwise: bool = Field(True, description="Measure all colours of a pixel, or none.")


class DemosaicingParams(Params):
    """A Bayer pattern of colour filters: each pixel measures one colour."""


class DecolorizeParams(Params):
    """A weighted sum of the colours of a pixel."""

    srf: Literal["rec601", "flat"] = Field("rec601", description="The spectral response.")


class CompressedSensingParams(Params):
    """Random Gaussian projections."""

    model_config = _example(m=30)

    m: int = Field(1024, ge=1, description="Number of projections.")


class StructuredRandomParams(Params):
    """Random signs and a sine transform, repeated."""

    layers: int = Field(1, ge=1, description="Repetitions of signs and transform.")


class SinglePixelParams(Params):
    """Patterns of Hadamard, one after the other."""

    model_config = _example(m=16)

    m: int = Field(1024, ge=1, description="Number of patterns, the same for every colour.")
    ordering: Literal["sequency", "cake_cutting", "zig_zag", "xy"] = Field(
        "sequency", description="Which patterns come first."
    )


class ScaledParams(OperatorParams):
    """A change of resolution."""

    factor: int = Field(2, ge=1, description="The factor between the two resolutions.")


class DownsamplingParams(ScaledParams):
    """A low-pass filter, then every n-th pixel."""

    filter: Literal["gaussian", "bilinear", "bicubic", "sinc"] = Field(
        "bicubic", description="The filter."
    )
    padding: Literal["circular", "valid", "reflect", "replicate", "constant"] = Field(
        "circular", description="How the image goes on at its border."
    )

    def image_shape(self, measured: tuple[int, int, int]) -> tuple[int, int, int]:
        channels, height, width = measured
        return channels, height * self.factor, width * self.factor


class DownsamplingMatlabParams(ScaledParams):
    """A smaller picture as imresize of MATLAB makes it."""

    kernel: Literal["cubic", "gaussian"] = Field("cubic", description="The kernel.")
    padding: Literal["reflect", "replicate"] = Field(
        "reflect", description="How the image goes on at its border."
    )

    def image_shape(self, measured: tuple[int, int, int]) -> tuple[int, int, int]:
        channels, height, width = measured
        return channels, height * self.factor, width * self.factor


class UpsamplingParams(ScaledParams):
    """A picture of a higher resolution than the image that is sought."""

    filter: Literal["bilinear", "bicubic", "gaussian"] = Field(
        "bicubic", description="The interpolation."
    )

    def image_shape(self, measured: tuple[int, int, int]) -> tuple[int, int, int]:
        channels, height, width = measured
        return channels, height // self.factor, width // self.factor


class ConvolutionParams(Params):
    """A Gaussian blur, with a choice of borders."""

    model_config = _example(sigma=0.6)

    sigma: float = Field(1.0, gt=0, description="Standard deviation of the blur in pixels.")
    padding: Literal["valid", "circular", "reflect", "replicate", "constant"] = Field(
        "reflect", description="How the image goes on at its border; valid: it does not."
    )


class BlurFFTParams(Params):
    """A Gaussian blur of two widths, at an angle, on a torus."""

    model_config = _example(sigma=0.6, across=0.4, angle=30.0)

    sigma: float = Field(2.0, gt=0, description="Standard deviation along the angle, in pixels.")
    across: float = Field(1.0, gt=0, description="Standard deviation across it, in pixels.")
    angle: float = Field(0.0, ge=0, le=180, description="The angle in degrees.")


class DrawnBlurParams(Params):
    """A blur whose kernel is drawn from the seed, on a torus."""

    model_config = _example(size=5)

    size: int = Field(31, ge=3, description="Side of the kernel in pixels.")


class MotionBlurParams(DrawnBlurParams):
    """A blur along a random path of a camera that shakes."""

    length: float = Field(0.3, gt=0, description="Length scale of the path.")
    spread: float = Field(0.25, gt=0, description="Extent of the path.")


class DiffractionBlurParams(DrawnBlurParams):
    """The blur of a lens with random aberrations."""

    cutoff: float = Field(0.2, gt=0, le=0.25, description="Cut-off frequency of the lens.")
    amplitude: float = Field(0.15, ge=0, description="Largest amplitude of an aberration.")


class VaryingBlurParams(Params):
    """Blurs of several widths that are mixed from left to right."""

    model_config = _example(count=2, largest=0.8)

    count: int = Field(4, ge=2, description="Number of blurs.")
    largest: float = Field(3.0, gt=0.3, description="The largest standard deviation in pixels.")
    padding: Literal["valid", "circular", "reflect", "replicate", "constant"] = Field(
        "reflect", description="How the image goes on at its border; valid: it does not."
    )


class TiledBlurParams(Params):
    """Another random camera shake in each of overlapping tiles."""

    model_config = _example(size=3, patch=6, stride=4)

    size: int = Field(15, ge=3, description="Side of a kernel in pixels.")
    patch: int = Field(32, ge=4, description="Side of a tile in pixels.")
    stride: int = Field(16, ge=2, description="Distance between tiles in pixels.")


class TomographyParams(Params):
    """Line integrals along parallel rays of square images."""

    model_config = _example(angles=12)

    angles: int = Field(60, ge=1, description="Directions, evenly over 180 degrees.")
    circle: bool = Field(False, description="Take pixels outside of the inner circle as zero.")


class FanBeamParams(Params):
    """Line integrals along the rays of a fan, of square images."""

    model_config = _example(angles=8)

    angles: int = Field(60, ge=1, description="Positions of the source, evenly over 360 degrees.")


class MRIParams(Params):
    """Some columns of the Fourier transform of a grey image."""

    model_config = _example(acceleration=2)

    acceleration: int = Field(4, ge=1, description="One in so many columns is measured.")
    pattern: Literal["gaussian", "uniform", "equispaced"] = Field(
        "gaussian", description="Which columns besides the central ones."
    )
    center_fraction: float = Field(
        0.125, gt=0, le=1, description="Part of the columns, in the centre, that is measured."
    )


class MultiCoilParams(MRIParams):
    """The same, seen by coils around the image."""

    coils: int = Field(4, ge=1, description="Number of coils.")


class SpectralImagingParams(Params):
    """One picture of all channels, each coded and sheared."""

    mask: float = Field(0.5, gt=0, lt=1, description="Part of the code that lets light through.")
    mode: Literal["ss", "sd"] = Field(
        "ss", description="Code between two dispersers, or before a single one."
    )


class UnmixingParams(Params):
    """Spectra of pixels, each channel being the abundance of one random material."""

    model_config = _example(bands=5)

    bands: int = Field(64, ge=1, description="Number of bands of the spectra.")


class PansharpenParams(Params):
    """A colour picture of low resolution and a grey one of full resolution."""

    model_config = _example(factor=2)

    factor: int = Field(4, ge=1, description="The factor between the two resolutions.")
    filter: Literal["gaussian", "bilinear", "bicubic"] = Field(
        "bilinear", description="The low-pass filter."
    )


class PhaseRetrievalParams(Params):
    """Squared magnitudes of random complex projections."""

    model_config = _example(m=60)

    m: int = Field(4096, ge=1, description="Number of projections.")


class StructuredPhaseParams(Params):
    """Squared magnitudes after random phases and Fourier transforms."""

    layers: int = Field(2, ge=1, description="Repetitions of phases and transform.")


class PtychographyParams(Params):
    """Diffraction patterns of a grey image, seen through a probe at several places."""


class SpatialUnwrappingParams(Params):
    """Values modulo a threshold, as of phases and high dynamic range."""

    model_config = _example(threshold=0.7)

    threshold: float = Field(0.5, gt=0, description="The threshold.")
    mode: Literal["round", "floor"] = Field("round", description="Around 0, or from 0.")
