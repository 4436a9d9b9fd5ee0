"""Parameters of the SGILO set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from invprob.params import Params


class SGILOParams(Params):
    """Langevin dynamics on intermediate latents, guided by a learned score."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"stages": [0, 1], "steps": [4, 8], "probes": 2}]}
    )

    stages: tuple[int, ...] = Field((1, 3), min_length=1, description="Stage of each round.")
    steps: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (100, 200), description="Gradients through the generator in each round."
    )
    anneal: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Part of the last round spent on annealing; earlier ones anneal only.",
    )
    starts: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (1.0, 0.15),
        min_length=1,
        description="Diffusion time t at which each round begins, 0: without noise, where the one"
        " before ended; the last serves the rest.",
    )
    level: float = Field(
        0.1, gt=0, lt=1, description="Diffusion time t at which annealing ends and Langevin stays."
    )
    levels: int = Field(3, ge=1, description="Noise levels of an annealing.")
    last: float = Field(
        0.6, gt=0, le=1, description="Part of an annealing that its last level takes."
    )
    flow: int = Field(
        3, ge=1, description="Steps of the probability flow that denoise the chain at each level."
    )
    optimizers: tuple[Literal["adam", "lbfgs"], ...] = Field(
        ("adam",),
        min_length=1,
        description="What descends in each round's annealing; the last serves the rest.",
    )
    lr: float = Field(
        0.2,
        gt=0,
        description="Step size of the annealing's Adam, longest step (root mean square) of its"
        " L-BFGS, in units of the prior's spread.",
    )
    weight: float = Field(1.0, ge=0, description="Weight λ of the prior; 1 is Bayes' rule.")
    beta: float = Field(1.0, gt=0, description="Inverse temperature; 1 samples the posterior.")
    probes: int = Field(
        8, ge=1, le=256, description="Gradients spent on the preconditioner of Langevin."
    )
    eta: float | None = Field(
        None, gt=0, description="Step size η of Langevin; none: adapted in the burn-in."
    )
    burn_in: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="Part of the Langevin steps that adapt the step size; five at least, if it is"
        " adapted.",
    )
    target: float = Field(
        0.8, gt=0, lt=1, description="Acceptance that the step size is adapted to, then frozen."
    )
    metropolis: bool = Field(
        False, description="Correct every move (MALA); needs a prior with a log-density."
    )
    thin: int = Field(1, ge=1, description="Count one Langevin step in so many as a draw.")
    plateau: int = Field(
        0, ge=0, description="End an annealing after this many steps without gain; 0: no."
    )


class OfficialParams(Params):
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


class StyleGAN2Params(Params):
    """A StyleGAN-2 of bundled or of your own weights."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"weights": "faces64"}, {"codes": "gaussian", "carry_rgb": False}]
        }
    )

    weights: str = Field("faces64", description="A bundled name, or the path of a file.")
    sha256: str | None = Field(None, description="Expected SHA-256 of the file; checked if given.")
    truncation: float = Field(
        1.0, ge=0, le=1, description="Truncation ψ of the style codes that the input law induces."
    )
    carry_rgb: bool = Field(
        True,
        description="Keep the image so far when a stage restarts, unlike the published code.",
    )
    codes: Literal["w", "gaussian"] = Field(
        "w",
        description="What latents hold: style codes w, or v of w = LeakyReLU(std·v + mean), as"
        " published ILO and SGILO have it.",
    )
    gaussian: str = Field(
        "auto", description="A gaussian_fit.pt with those moments, or auto: computed once and kept."
    )
    noise: Literal["random", "stored"] = Field(
        "random", description="Noise maps drawn, or those that came with converted weights."
    )
    precision: Literal["float32", "bfloat16", "published"] = Field(
        "float32",
        description="Arithmetic of the synthesis network; published: 16 bits where the authors had"
        " them.",
    )
    recompute: bool = Field(
        False,
        description="Compute every block again for its gradient instead of keeping what it was"
        " made of (gradient checkpointing): less memory, more time.",
    )
    compile: bool = Field(
        False, description="Compile the synthesis blocks (torch.compile); pays off in long runs."
    )


class LatentScoreParams(Params):
    """A score network over the latents of one stage."""

    weights: str = Field(
        "auto",
        description="The path of a prior, or auto: the one bundled with the generator's weights.",
    )
    sha256: str | None = Field(None, description="Expected SHA-256 of the file; checked if given.")


class PublishedScoreParams(Params):
    """The published score networks over codes and features, as one prior of a stage."""

    codes: str | None = Field(
        None,
        description="The network over all Gaussian codes, latent.pth of the release; none: they are"
        " taken to be standard normal.",
    )
    features: str | None = Field(
        None, description="The network over the features of a stage from 2 on, such as layer1.pth."
    )
    codes_range: tuple[float, float] = Field(
        (-3.0592, 3.0290), description="The codes that the network sees as 0 and as 1."
    )
    features_range: tuple[float, float] = Field(
        (-1.4007, 2.3453), description="The features that the network sees as 0 and as 1."
    )


class PriorTraining(Params):
    """Training of a latent score prior."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"stage": 1, "steps": 2, "batch": 4, "width": 16}]}
    )

    stage: int = Field(1, ge=1, description="The stage whose latents to learn.")
    latents: Literal["synthetic", "inverted"] = Field(
        "synthetic", description="Latents that the generator induces, or inverted images."
    )
    data: str | None = Field(
        None, description="The folder of invprob invert, for inverted latents."
    )
    held_out: float = Field(
        0.08, gt=0, lt=1, description="Part of inverted images held out, whole folders at a time."
    )
    sde: Literal["vp", "sub-vp", "ve"] = Field(
        "vp", description="Noise schedule: variance preserving, sub-VP or variance exploding."
    )
    weighting: Literal["uniform", "likelihood"] = Field(
        "uniform", description="Times drawn evenly, or so that the loss bounds the likelihood."
    )
    steps: int = Field(5000, ge=1, description="Steps of Adam.")
    batch: int = Field(64, ge=1, description="Latents per step.")
    lr: float = Field(1e-3, gt=0, description="Peak step size.")
    warmup: int = Field(100, ge=1, description="Steps of linear warm-up.")
    ema: float = Field(0.999, ge=0, lt=1, description="Decay of the averaged weights.")
    width: int = Field(128, ge=4, description="Width of the transformer.")
    depth: int = Field(4, ge=1, description="Blocks of the transformer.")
    heads: int = Field(4, ge=1, description="Heads of its attention; divides the width.")
    patch: int = Field(1, ge=1, description="Side of a token in feature positions.")
    mixing: float = Field(
        0.9, ge=0, le=1, description="Part of the latents whose codes come from two inputs."
    )
    seed: int = Field(0, ge=0, description="Seed of every draw.")
    validate_every: int = Field(500, ge=1, description="Steps between held-out figures.")
    checkpoint_seconds: float = Field(120.0, gt=0, description="Seconds between checkpoints.")


class NVlabsParams(Params):
    """A snapshot of NVlabs."""

    network: Literal["G_ema", "G"] = Field("G_ema", description="Averaged weights, or the last.")


class RosinalityParams(Params):
    """A checkpoint of rosinality's StyleGAN-2."""

    network: Literal["g_ema", "g"] = Field("g_ema", description="Averaged weights, or the last.")


class PublishedNetParams(Params):
    """A score network of SGILO's release."""

    time_activation: Literal["none", "silu"] = Field(
        "none", description="Between the two linear layers of the time; the tensors do not tell."
    )


class GaussianFitParams(Params):
    """Moments of Gaussian codes; nothing to choose."""
