"""Parameters that trainers on pictures share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from invprob.params.crop_at import CropAt
from invprob.params.model import Params


class PictureSet(Params):
    """The pictures that are learned from: squares of one size, or made so."""

    size: int | None = Field(
        None, ge=1, description="Side of the pictures in pixels; none: that of the first."
    )
    resize: bool = Field(False, description="Resize pictures of another size.")
    crop: bool = Field(False, description="Crop pictures to a square.")
    crop_at: CropAt = Field(
        "middle", description="Where the crop lies: middle, top, …, or 0.2,0.5."
    )
    held_out: float = Field(
        0.08, ge=0, lt=1, description="Part of the images held out, whole groups at a time."
    )
    group: Literal["folder", "name"] = Field(
        "folder",
        description="What makes a group: a folder, or names that agree up to their last _.",
    )


class PictureTraining(PictureSet):
    """How long a training on pictures lasts and when it writes, which may change on the way."""

    kimg: int = Field(1000, ge=1, description="Length, in thousands of images shown.")
    snapshot_kimg: int = Field(20, ge=1, description="Thousands of images between samples.")
    checkpoint_seconds: float = Field(180.0, gt=0, description="Seconds between checkpoints.")

    def steps(self, shown: int) -> int:
        """Count the steps.

        Args:
            shown: Images that one step shows, ≥ 1.

        Returns:
            Their number, ≥ 1.
        """
        return -(-self.kimg * 1000 // shown)
