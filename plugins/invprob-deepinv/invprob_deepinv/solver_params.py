"""Parameters of the solvers."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from invprob.params import Params


def _example(**values: JsonValue) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


class SplittingParams(Params):
    """A splitting algorithm of deepinv."""

    algorithm: Literal["fista", "pgd", "admm", "drs", "hqs"] = Field(
        "fista", description="The algorithm."
    )
    steps: int = Field(100, ge=1, description="Steps, each a data term and a regulariser.")
    step_size: float = Field(
        0.95, gt=0, description="Step size γ, in units of the reciprocal of ‖A‖²/σ²."
    )


class TVParams(SplittingParams):
    """Least ‖A x − y‖²/(2σ²) + weight · TV(x), each channel on its own."""

    model_config = _example(steps=5, inner=20)

    weight: float = Field(20.0, gt=0, description="Weight of the regulariser.")
    inner: int = Field(30, ge=1, description="Steps of its proximal map.")


class TGVParams(TVParams):
    """Least ‖A x − y‖²/(2σ²) + weight · TGV(x) of second order, each channel on its own."""

    model_config = _example(steps=5, inner=20)

    weight: float = Field(200.0, gt=0, description="Weight of the regulariser.")


class WaveletParams(SplittingParams):
    """Least ‖A x − y‖²/(2σ²) + weight · ‖W x‖₁ over the details of wavelets."""

    model_config = _example(steps=5, level=1, wavelet="db2")

    weight: float = Field(10.0, gt=0, description="Weight of the regulariser.")
    level: int = Field(3, ge=1, description="Resolutions of the wavelets.")
    wavelet: str = Field("db4", description="Name of the wavelet, as in PyWavelets.")


class PnPParams(SplittingParams):
    """A denoiser in the place of the proximal map of a regulariser."""

    model_config = _example(steps=5)

    sigma: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Noise level of the denoiser; by default that of the measurement.",
    )


class REDParams(Params):
    """Descent along the gradient of the likelihood and the residual of a denoiser."""

    model_config = _example(steps=5)

    steps: int = Field(100, ge=1, description="Steps of gradient descent.")
    step_size: float = Field(
        0.95, gt=0, description="Step size, in units of the reciprocal of ‖A‖²/σ² + weight."
    )
    sigma: float = Field(0.05, gt=0, le=1, description="Noise level of the denoiser.")
    weight: float | None = Field(
        None, gt=0, description="Weight of x − D(x); by default 1/sigma², that of the score."
    )


class DiffusionParams(Params):
    """A reverse diffusion with a data term."""

    model_config = _example(steps=8)

    steps: int = Field(100, ge=2, description="Steps.")
    sde: Literal["vp", "ve"] = Field(
        "vp", description="The diffusion: variance preserving, or exploding."
    )
    sampler: Literal["ddpm", "ddim", "euler", "heun"] = Field(
        "ddpm", description="The discretisation of a step."
    )
    start: float = Field(
        1.0, gt=0, le=40, description="Noise level σ of the first step, in units of [0, 1]."
    )
    weight: float = Field(1.0, gt=0, description="Weight of the data term.")


class DPSParams(DiffusionParams):
    """A reverse diffusion with the gradient through the denoiser of Chung et al."""

    model_config = _example(steps=8)

    guidance: Literal["annealed", "norm"] = Field(
        "annealed",
        description="Divide by the variances of measurement and diffusion, or by the norm of the"
        " residual, for which weight is in the hundreds.",
    )


class InnerParams(DiffusionParams):
    """A reverse diffusion with a data term that solves a linear system."""

    model_config = _example(steps=8)

    inner: int = Field(5, ge=1, description="Steps of conjugate gradients in the data term.")
