"""Parameters of priors and converters for what others published."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from invprob.params import Params
from invprob.paths import PathText


class PublishedScoreParams(Params):
    """The published score networks over codes and features, as one prior of a stage."""

    codes: PathText | None = Field(
        None,
        description="The network over all Gaussian codes, latent.pth of the release; none: they are"
        " taken to be standard normal.",
    )
    features: PathText | None = Field(
        None, description="The network over the features of a stage from 2 on, such as layer1.pth."
    )
    codes_range: tuple[float, float] = Field(
        (-3.0592, 3.0290), description="The codes that the network sees as 0 and as 1."
    )
    features_range: tuple[float, float] = Field(
        (-1.4007, 2.3453), description="The features that the network sees as 0 and as 1."
    )
    time_activation: Literal["auto", "silu", "none"] = Field(
        "auto",
        description="Between the two linear layers of the time; auto: as a converted file says,"
        " and SiLU for the released files.",
    )


class NVlabsParams(Params):
    """A generator of NVlabs: a snapshot, which says all of itself, or a state dict, which has
    tensors alone."""

    network: Literal["G_ema", "G"] = Field("G_ema", description="Averaged weights, or the last.")
    conv_clamp: float | None = Field(
        None, gt=0, description="What a state dict clamps activations to; none: nothing."
    )
    fp16_blocks: int = Field(
        0, ge=0, description="How many of a state dict's last blocks compute in 16 bits."
    )


class RosinalityParams(Params):
    """A checkpoint of rosinality's StyleGAN-2."""

    network: Literal["g_ema", "g"] = Field("g_ema", description="Averaged weights, or the last.")


class PublishedNetParams(Params):
    """A score network of SGILO's release."""

    time_activation: Literal["silu", "none"] = Field(
        "silu",
        description="Between the two linear layers of the time; the tensors do not tell, the"
        " released code has SiLU.",
    )


class GaussianFitParams(Params):
    """Moments of Gaussian codes; nothing to choose."""
