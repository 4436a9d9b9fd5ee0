"""Parameters of DPS, of its prior and of that prior's training."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from invprob.params import Params
from invprob.params.pictures import PictureTraining
from invprob.paths import PathText


class DPSParams(Params):
    """Diffusion posterior sampling."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"steps": 4}]})

    steps: int = Field(100, ge=1, le=1000, description="Network passes, forward and backward.")
    spacing: Literal["trailing", "leading", "linspace"] = Field(
        "trailing", description="Which of the model's times are visited, in the terms of diffusers."
    )
    eta: float = Field(1.0, ge=0, le=1, description="Fresh noise: 1 is DDPM, 0 is DDIM.")
    rule: Literal["squared", "norm"] = Field(
        "squared",
        description="Guidance ζ/‖r‖ ∇‖r‖² of the paper, or ζ ∇‖r‖ of the released code (half it).",
    )
    zeta: float = Field(1.0, ge=0, description="Strength ζ of the guidance.")
    clip: bool = Field(True, description="Clip the denoised image in the reverse step.")


class MomentMatchingParams(Params):
    """Guidance by matched moments."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"steps": 4}]})

    steps: int = Field(100, ge=1, le=1000, description="Steps, each a network pass and `inner`.")
    spacing: Literal["logarithmic", "trailing", "leading", "linspace"] = Field(
        "logarithmic",
        description="Times that are visited: noise levels by equal factors, or those of diffusers.",
    )
    eta: float = Field(1.0, ge=0, le=1, description="Fresh noise: 1 is DDPM, 0 is DDIM.")
    inner: int = Field(
        3, ge=1, description="Steps of conjugate gradients, each a pass backward for mmps."
    )


class PixelDiffusionParams(Params):
    """A diffusion model of images."""

    weights: PathText = Field(
        "faces64-ddpm",
        description="A bundled name, a folder of diffusers, a file, or hf:OWNER/NAME of the hub.",
    )
    sha256: str | None = Field(None, description="Expected SHA-256 of its weights file.")
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        "float32",
        description="Arithmetic of the network; auto: whichever is faster on this machine.",
    )
    compile: bool = Field(False, description="Compile the network; pays off in long runs.")
    height: int | None = Field(
        None, ge=1, description="Height of the images in pixels; by default that of its training."
    )
    width: int | None = Field(None, ge=1, description="Width, likewise.")


class LatentDecoderParams(Params):
    """The decoder of a latent diffusion model."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"weights": "ldm"}]})

    weights: PathText = Field(
        description="A folder of diffusers with unet, scheduler and vqvae or vae, an autoencoder"
        " alone, or hf:OWNER/NAME of the hub."
    )
    sha256: str | None = Field(None, description="Expected SHA-256 of the autoencoder's file.")
    quantize: bool = Field(
        True, description="Move latents of a VQModel to the nearest codes, as in its training."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Arithmetic of the network."
    )


class LatentDiffusionParams(Params):
    """The score of the latents of latent-decoder."""

    weights: PathText = Field(
        "auto",
        description="A folder of diffusers, hf:OWNER/NAME of the hub, or auto: that of the"
        " generator.",
    )
    sha256: str | None = Field(None, description="Expected SHA-256 of its weights file.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Arithmetic of the network."
    )


class ConsistencyParams(Params):
    """A consistency model, which makes images in one step."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"weights": "cd-cat256"}]})

    weights: PathText = Field(description="A folder of diffusers, or hf:OWNER/NAME of the hub.")
    sha256: str | None = Field(None, description="Expected SHA-256 of its weights file.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Arithmetic of the network."
    )


class GuidedDiffusionParams(Params):
    """What files of guided diffusion do not tell of themselves."""

    image_size: int = Field(256, ge=1, description="Side of the images, in pixels.")
    head_channels: int = Field(64, ge=1, description="Channels of an attention head.")
    num_heads: int | None = Field(
        None, ge=1, description="Attention heads, where their number is fixed and not their width."
    )
    attention_order: Literal["legacy", "new"] = Field(
        "legacy",
        description="Rows of q, k and v head by head, or all of q first (use_new_attention_order).",
    )
    schedule: Literal["linear", "cosine"] = Field("linear", description="Noise schedule β.")
    steps: int = Field(1000, ge=50, description="Noise levels that it was trained with.")


class DiffusionTraining(PictureTraining):
    """Training of a pixel diffusion model on square images."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kimg": 1, "batch": 500, "channels": [16]}]}
    )
    renamed: ClassVar = {"colours": "colors"}

    kimg: int = Field(500, ge=1, description="Length, in thousands of images shown.")
    batch: int = Field(16, ge=1, description="Images per step.")
    lr: float = Field(5e-4, gt=0, description="Peak step size of Adam.")
    warmup: int = Field(200, ge=1, description="Steps of linear warm-up.")
    ema: float = Field(0.999, ge=0, lt=1, description="Decay of the averaged weights.")
    flip: bool = Field(True, description="Show mirrored images as well.")
    colors: Literal[1, 3] = Field(3, description="Grey or RGB.")
    patch: int = Field(
        2, ge=1, description="Side of the pixel blocks that the network sees as one."
    )
    channels: tuple[Annotated[int, Field(ge=16, multiple_of=16)], ...] = Field(
        (48, 96, 128, 160), min_length=1, description="Channels by resolution, finest first."
    )
    layers: int = Field(1, ge=1, description="Residual blocks per resolution.")
    schedule: Literal["squaredcos_cap_v2", "linear", "scaled_linear"] = Field(
        "squaredcos_cap_v2", description="Noise schedule β, in the terms of diffusers."
    )
    prediction: Literal["v_prediction", "epsilon", "sample"] = Field(
        "v_prediction", description="What the network predicts, in the terms of diffusers."
    )
    start: PathText | None = Field(
        None, description="Weights to start from, bundled or a folder; none: random ones."
    )
    precision: Literal["float32", "bfloat16"] = Field("bfloat16", description="Arithmetic.")
    seed: int = Field(0, ge=0, description="Seed of every draw.")
    snapshot_kimg: int = Field(25, ge=1, description="Thousands of images between samples.")
