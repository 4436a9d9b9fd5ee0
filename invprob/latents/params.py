"""Parameters of `invprob invert`."""

from __future__ import annotations

from pydantic import Field

from invprob.params import Params
from invprob.params.crop_at import CropAt
from invprob.paths import InputPath


class InversionParams(Params):
    """How images are inverted."""

    stage: int = Field(1, ge=0, description="The stage whose latents are found.")
    steps: int = Field(200, ge=1, description="Steps of Adam.")
    batch: int = Field(32, ge=1, description="Images side by side, and in a file.")
    lr: float = Field(0.1, gt=0, description="Step size, in units of each leaf's spread.")
    sigma: float = Field(0.02, gt=0, description="Tolerance of the fit, for images in [0, 1].")
    weight: float = Field(
        1.0, ge=0, description="Weight of staying near the generator's distribution."
    )
    encoder: InputPath | None = Field(
        None, description="An encoder to start from, of invprob train encoder; none: the mean."
    )
    resize: bool = Field(False, description="Resize images to the generator's size.")
    crop: bool = Field(False, description="Crop images to the generator's size or aspect.")
    crop_at: CropAt = Field(
        "middle", description="Where the crop lies: middle, top, …, or 0.2,0.5."
    )
