"""Parameters of the classical set."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from invprob.params import Params
from invprob.params.pictures import PictureSet
from invprob.paths import PathText


class GaussianPosteriorParams(Params):
    """The exact posterior under a Gaussian prior of images."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"draws": 3}]})

    draws: int = Field(25, ge=1, description="Independent draws of the posterior, one a step.")


class GaussianImagesParams(Params):
    """A Gaussian that was fitted to images."""

    weights: PathText = Field(
        "faces64", description="A bundled name, or a file of invprob train gaussian."
    )
    sha256: str | None = Field(None, description="Expected SHA-256 of the file.")


class GaussianTraining(PictureSet):
    """A fit of mean, principal components and isotropic remainder to square images."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rank": 4, "passes": 2}]})
    renamed: ClassVar = {"colours": "colors"}

    rank: int = Field(400, ge=1, description="Principal components that are kept.")
    passes: int = Field(6, ge=1, description="Passes over the images that refine the components.")
    flip: bool = Field(True, description="Count mirrored images as well.")
    colors: Literal[1, 3] = Field(3, description="Grey or RGB.")


class ConvexParams(Params):
    """A convex regulariser and a measurement that is to be fitted."""

    steps: int = Field(400, ge=1, description="Steps of the primal-dual method.")
    weight: float | None = Field(
        None,
        gt=0,
        description="Weight of the regulariser R in ½‖A x − y‖² + weight · R(x); none: the image of"
        " least R among all with χ² of at most 1.",
    )
    tau: float = Field(0.05, gt=0, description="Primal step size.")


class TotalVariationParams(ConvexParams):
    """Total variation, over all colours of a pixel together."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"steps": 3}, {"steps": 3, "weight": 0.01}]}
    )


class WaveletParams(ConvexParams):
    """Wavelet details of all shifts of an image, over all colours of a pixel together."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"steps": 3}, {"steps": 3, "family": "haar", "levels": 1}]}
    )

    steps: int = Field(200, ge=1, description="Steps of the primal-dual method.")
    tau: float = Field(0.15, gt=0, description="Primal step size.")

    family: Literal["haar", "db2", "db3"] = Field(
        "db2", description="Orthogonal wavelet: Haar's, or Daubechies' of 4 or 6 taps."
    )
    levels: int | None = Field(
        None, ge=1, description="Scales, a factor of two apart; none: as many as the size allows."
    )
    memory: int = Field(
        1200,
        ge=1,
        description="What details may need, in MiB; of larger images coarse ones are in fewer"
        " shifts.",
    )
