"""Parameters of l1-ILO."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from invprob.params import Params


class ILOParams(Params):
    """Intermediate layer optimization: round by round, one stage deeper."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"stages": [0, 1], "steps": [2, 2]}]})

    renamed: ClassVar = {"plateau": "patience"}

    stages: tuple[int, ...] = Field((1, 2, 3), min_length=1, description="Stage of each round.")
    steps: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (100, 100, 100), description="Steps of Adam in each round."
    )
    lr: float = Field(
        0.1, gt=0, description="Step size of Adam, in units of each leaf's spread under G."
    )
    truncation: float = Field(
        0.5, ge=0, le=1, description="How far a start lies from the mean latent towards a draw."
    )
    patience: int = Field(
        0, ge=0, description="End a row's round after this many steps without gain; 0: no."
    )
    fitted: float = Field(
        0.0,
        ge=0,
        description="A row rests once its χ² is at most this: 1 by the discrepancy principle"
        " (Morozov, 1966); 0: no.",
    )


class L1BallParams(Params):
    """The l1 ball around a round's start, as a bound on the mean absolute deviation."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{}, {"radii": [0.5], "unit": "spread"}]}
    )

    radii: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (2.0, 0.5, 0.2),
        min_length=1,
        description="Mean absolute deviation allowed at stages 1, 2, …; the last serves the rest.",
    )
    unit: Literal["latent", "spread"] = Field(
        "latent",
        description="Radii in units of the latent, or of each leaf's spread under G, by which one"
        " radius acts on codes, features and noise maps alike.",
    )
