"""Parameters of CSGM."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from invprob.params import Params


class CSGMParams(Params):
    """Compressed sensing with generative models: search the generator's input."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"steps": 3, "restarts": 2}, {"steps": 3, "space": "w"}]}
    )

    renamed: ClassVar = {"plateau": "patience"}

    space: Literal["z", "w"] = Field(
        "z",
        description="Search the input z, or the style codes w, one for each layer, in units of"
        " their spread under G.",
    )
    steps: int = Field(300, ge=1, description="Steps of Adam.")
    lr: float = Field(0.1, gt=0, description="Step size of Adam.")
    restarts: int = Field(1, ge=1, le=1000, description="Starts per sample; the best counts.")
    weight: float = Field(1.0, ge=0, description="Weight of the prior; 1 is the posterior mode.")
    patience: int = Field(
        0, ge=0, description="Stop a row after so many steps without gain; 0: no."
    )
