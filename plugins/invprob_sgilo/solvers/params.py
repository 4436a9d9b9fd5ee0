"""Parameters of the solvers of the SGILO set."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from invprob.params import Params


class SGILOParams(Params):
    """Langevin dynamics on intermediate latents, guided by a learned score."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"stages": [0, 1], "steps": [4, 20], "fisher_probes": 2}]}
    )

    renamed: ClassVar = {
        "starts": "t_start",
        "level": "t_end",
        "levels": "num_levels",
        "last": "final_fraction",
        "flow": "ode_steps",
        "beta": "inverse_temperature",
        "probes": "fisher_probes",
        "eta": "step_size",
        "target": "target_accept",
        "plateau": "patience",
    }
    added: ClassVar = {
        "dynamics": "overdamped",
        "damping": 0.5,
        "energy_error": 4e-4,
        "coupled": False,
        "representation_error": False,
    }

    headings: ClassVar = {
        "start": ("stages", "steps", "anneal", "t_start"),
        "annealing": (
            *("num_levels", "t_end", "final_fraction", "ode_steps"),
            *("optimizers", "lr", "patience"),
        ),
        "distribution": ("weight", "inverse_temperature", "representation_error"),
        "sampling": ("dynamics", "damping", "metropolis", "coupled"),
        "adaptation": ("burn_in", "fisher_probes", "step_size", "energy_error", "target_accept"),
        "output": ("thin",),
    }

    stages: tuple[int, ...] = Field((1,), min_length=1, description="Stage of each round.")
    steps: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (300,), description="Gradients through the generator in each round."
    )
    anneal: float = Field(
        0.35,
        ge=0,
        le=1,
        description="Part of the last round spent on annealing; earlier ones anneal only.",
    )
    t_start: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (1.0, 0.15),
        min_length=1,
        description="Diffusion time t at which each round begins; 0 begins without noise, where the"
        " round before ended. Further rounds take the last value.",
    )
    t_end: float = Field(
        0.1, gt=0, lt=1, description="Diffusion time t at which annealing ends and Langevin runs."
    )
    num_levels: int = Field(3, ge=1, description="Noise levels of an annealing.")
    final_fraction: float = Field(
        0.6, gt=0, le=1, description="Part of an annealing that its last level takes."
    )
    ode_steps: int = Field(
        3, ge=1, description="Steps of the probability flow that denoise the chain at each level."
    )
    optimizers: tuple[Literal["adam", "lbfgs"], ...] = Field(
        ("adam",),
        min_length=1,
        description="What descends in each round's annealing. Further rounds take the last value.",
    )
    lr: float = Field(
        0.2,
        gt=0,
        description="Step size of the annealing's Adam, longest step (root mean square) of its"
        " L-BFGS, in units of the prior's spread.",
    )
    weight: float = Field(1.0, ge=0, description="Weight λ of the prior; 1 is Bayes' rule.")
    inverse_temperature: float = Field(
        1.0, gt=0, description="Inverse temperature β; 1 samples the posterior."
    )
    representation_error: bool = Field(
        True,
        description="Add what pictures have beyond the images of latents, where the prior knows it,"
        " the operator is linear and the noise white and Gaussian.",
    )
    fisher_probes: int = Field(
        8, ge=1, le=256, description="Gradients spent on the preconditioner of Langevin."
    )
    dynamics: Literal["kinetic", "overdamped"] = Field(
        "kinetic",
        description="Langevin dynamics with a velocity, or without one as in the paper.",
    )
    damping: float = Field(
        0.5, ge=0, description="Damping γ of the velocity in kinetic dynamics, per unit of time."
    )
    step_size: float | None = Field(
        None,
        gt=0,
        description="Step size of Langevin, h of kinetic and η of overdamped dynamics; none:"
        " adapted in the burn-in.",
    )
    energy_error: float = Field(
        4e-4,
        gt=0,
        description="Squared energy error of a move per dimension that h is adapted to, then"
        " frozen.",
    )
    burn_in: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="Part of the Langevin moves before the draws, which equilibrate and adapt the"
        " step size.",
    )
    target_accept: float = Field(
        0.8, gt=0, lt=1, description="Acceptance that η is adapted to, then frozen."
    )
    metropolis: Literal["none", "density", "line"] = Field(
        "none",
        description="Accept or reject every move: by the log-density of the prior, or by a line"
        " integral of its score.",
    )
    coupled: bool = Field(
        False,
        description="Give all chains of a measurement the same noise in their moves and report how"
        " far their images are apart; such chains are not independent.",
    )
    thin: int = Field(1, ge=1, description="Count one Langevin step in so many as a draw.")
    patience: int = Field(
        0, ge=0, description="End an annealing after this many steps without gain; 0: no."
    )

    @model_validator(mode="after")
    def _check_dynamics(self) -> Self:
        own = {"kinetic": ("damping", "energy_error"), "overdamped": ("target_accept",)}
        for dynamics, names in own.items():
            if dynamics != self.dynamics:
                self.refuse_unused(names, f"in {self.dynamics} dynamics; say dynamics={dynamics}")
        return self

    @field_validator("metropolis", mode="before")
    @classmethod
    def _yes_or_no(cls, value: Any) -> Any:
        """True and false, as it was before there was a choice."""
        return {"true": "density", "false": "none"}.get(str(value).lower(), value)


class ReleasedParams(Params):
    """The loop of the authors' released code."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"stages": [0, 1], "steps": [2, 2]}]})

    stages: tuple[int, ...] = Field((1, 3), min_length=1, description="Stage of each round.")
    steps: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (150, 150), description="Steps of each round; the released default is 300."
    )
    lr: float = Field(0.05, gt=0, description="Step size of Adam.")
    strength: float = Field(0.1, ge=0, description="Part of the prior's step that is taken.")
    noise: float = Field(
        0.025, ge=0, description="Noise added at every step, in units of the prior's spread."
    )
