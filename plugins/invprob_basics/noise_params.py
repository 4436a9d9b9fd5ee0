"""Parameters of noises that are neither Gaussian nor those of photons alone."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from invprob.params import Params

STD = "Standard deviation in units of [0, 1]."


class LaplaceNoiseParams(Params):
    """Independent noise of Laplace's distribution, of heavier tails than Gaussian noise."""

    sigma: float = Field(0.05, gt=0, description=STD)


class StudentTNoiseParams(Params):
    """Independent noise of Student's t-distribution, with outliers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"sigma": 0.05, "df": 6.0}]})

    sigma: float = Field(0.05, gt=0, description=STD)
    df: float = Field(5.0, gt=2, description="Degrees of freedom; the fewer, the more outliers.")


class SaltPepperNoiseParams(Params):
    """Some values are replaced by 0 or 1; all have Gaussian noise."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"part": 0.1, "sigma": 0.03}]})

    part: float = Field(0.1, gt=0, lt=1, description="Part of the values that are replaced.")
    sigma: float = Field(0.02, gt=0, description=STD)


class SpeckleNoiseParams(Params):
    """Multiplicative noise of coherent light or radar."""

    looks: int = Field(16, ge=1, le=10_000, description="Independent looks that are averaged.")


class PoissonGaussianNoiseParams(Params):
    """Photon noise, and the read noise of a detector."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"gain": 0.05, "sigma": 0.03}]})

    gain: float = Field(
        0.01,
        gt=0,
        le=1e6,
        description="Intensity per photon: white (1) is 1/gain photons on average.",
    )
    sigma: float = Field(
        0.02, gt=0, description="Standard deviation of the read noise, in units of [0, 1]."
    )
