"""Parameters of priors and converters for what others published."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from invprob.params import Params


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
