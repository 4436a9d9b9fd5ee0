"""Parameters of `invprob train generator`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from invprob.params.pictures import PictureTraining
from invprob.paths import InputPath, PathText

if TYPE_CHECKING:
    from invprob_sgilo.stylegan2.network import Architecture


class EncoderTraining(PictureTraining):
    """Training of an encoder for a StyleGAN-2 that stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kimg": 1, "batch": 4, "resize": True}]}
    )

    generator: PathText = Field("faces64", description="Weights of the generator.")
    stage: int = Field(1, ge=1, description="The stage whose latents to find.")
    kimg: int = Field(300, ge=1, description="Length, in thousands of images shown.")
    batch: int = Field(32, ge=1, description="Images per step.")
    lr: float = Field(0.0025, gt=0, description="Step size of Adam.")
    ema_kimg: float = Field(10.0, gt=0, description="Half-life of the average, in kimg.")
    flip: bool = Field(True, description="Show mirrored images as well.")
    start: InputPath | None = Field(
        None, description="An encoder, of any stage, whose layers to begin with where they fit."
    )
    precision: Literal["float32", "bfloat16"] = Field("bfloat16", description="Arithmetic.")
    seed: int = Field(0, ge=0, description="Seed of every draw.")


class GeneratorTraining(PictureTraining):
    """Training of a StyleGAN-2 on a folder or zip of square images."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kimg": 1, "batch": 4}]})

    kimg: int = Field(1000, ge=1, description="Length, in thousands of real images shown.")
    batch: int = Field(32, ge=1, description="Images per step and process.")
    lr: float = Field(0.0025, gt=0, description="Step size of Adam for both networks.")
    r1: float = Field(0.1, ge=0, description="Weight γ of the R1 penalty.")
    path_length: float = Field(2.0, ge=0, description="Weight of path-length regularisation.")
    reconstruction: float = Field(
        0.0, ge=0, description="Weight of reconstructing pictures by an encoder; 0: without one."
    )
    encoded_stage: int = Field(
        3, ge=1, description="The stage whose latent the encoder finds, beside the input code."
    )
    start: InputPath | None = Field(
        None, description="A checkpoint.pt of another training, whose networks to begin with."
    )
    encoder: InputPath | None = Field(
        None, description="The encoder of that generator, of invprob train encoder, to begin with."
    )
    mixing: float = Field(0.9, ge=0, le=1, description="Probability of style mixing.")
    ema_kimg: float = Field(10.0, gt=0, description="Half-life of the average, in kimg.")
    augment: Literal["none", "adaptive"] = Field(
        "none", description="Discriminator augmentation; adaptive for small sets."
    )
    flip: bool = Field(True, description="Show mirrored images as well.")
    channels: Literal[1, 3] = Field(3, description="Grey or RGB.")
    z_dim: int = Field(128, ge=8, description="Size of the input code.")
    w_dim: int = Field(128, ge=8, description="Size of a style code.")
    mapping_layers: int = Field(4, ge=1, description="Layers of the mapping network.")
    channel_base: int = Field(4096, ge=32, description="Channels × resolution, up to the cap.")
    channel_max: int = Field(128, ge=4, description="Most channels of a layer.")
    precision: Literal["float32", "bfloat16"] = Field("bfloat16", description="Arithmetic.")
    seed: int = Field(0, ge=0, description="Seed of every draw.")

    @model_validator(mode="after")
    def _check_reconstruction(self) -> Self:
        if self.reconstruction == 0:
            self.refuse_unused(
                ("encoder", "encoded_stage"), "without reconstruction; say reconstruction=10"
            )
        if self.reconstruction > 0 and self.batch < 2:
            raise ValueError(
                "batch=1 has no half for each of the two ways of reconstruction; give 2 or more"
            )
        return self

    def architecture(self, resolution: int) -> Architecture:
        """The shapes of the networks for images of that size."""
        from invprob.errors import BadInput
        from invprob_sgilo.stylegan2.network import Architecture

        if resolution not in [2**k for k in range(5, 11)]:
            raise BadInput(
                f"images of {resolution} pixels cannot be learned",
                "StyleGAN-2 takes squares of 32, 64, 128, 256, 512 or 1024 pixels",
            )
        if self.channel_base < resolution:
            raise BadInput(
                f"channel_base={self.channel_base} leaves no channels at {resolution} pixels",
                f"give a channel_base of at least {resolution}, better many times that",
            )
        arch = Architecture(
            resolution=resolution,
            channels=self.channels,
            z_dim=self.z_dim,
            w_dim=self.w_dim,
            mapping_layers=self.mapping_layers,
            channel_base=self.channel_base,
            channel_max=self.channel_max,
        )
        if self.reconstruction > 0 and self.encoded_stage > len(arch.resolutions):
            raise BadInput(
                f"encoded_stage={self.encoded_stage} is not within 1 … {len(arch.resolutions)}",
                "stage 1 is the style codes, stage 2 what follows the 4×4 block, and so on",
            )
        return arch
