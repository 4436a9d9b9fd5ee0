"""Parameters of the priors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from invprob.params import Params
from invprob.paths import PathText


class NetworkParams(Params):
    """A denoising network with the weights of its authors."""

    weights: PathText = Field(
        description="A file of weights, or a name of invprob weights; untrained: random ones, to"
        " try it out."
    )
    sha256: str | None = Field(None, description="Expected SHA-256 of the file.")
    colours: Literal[1, 3] = Field(3, description="Grey or RGB.")
    least: float = Field(
        0.003, gt=0, lt=1, description="Least noise level σ, in units of [0, 1]; the greatest is 1."
    )


class DRUNetParams(NetworkParams):
    """The U-Net of Zhang et al., 2021, arXiv:2008.13751."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"weights": "untrained", "channels": [4, 4, 8, 8], "blocks": 1}]
        }
    )

    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (64, 128, 256, 512), min_length=4, max_length=4, description="Channels, finest first."
    )
    blocks: int = Field(4, ge=1, description="Residual blocks of each resolution.")


class FFDNetParams(NetworkParams):
    """The network of Zhang et al., 2018, arXiv:1710.04026; images of even sides."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"weights": "untrained", "width": 8, "depth": 4}]}
    )

    width: int = Field(96, ge=1, description="Channels of a layer; 64 for the grey weights.")
    depth: int = Field(12, ge=3, description="Layers; 15 for the grey weights.")


class FilterParams(Params):
    """A denoiser without weights."""

    least: float = Field(
        0.003, gt=0, lt=1, description="Least noise level σ, in units of [0, 1]; the greatest is 1."
    )


class WaveletDenoiserParams(FilterParams):
    """Soft thresholds of wavelets, in proportion to the noise."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"level": 1, "wavelet": "db2"}]})

    strength: float = Field(1.5, gt=0, description="Threshold over noise level.")
    level: int = Field(3, ge=1, description="Resolutions of the wavelets.")
    wavelet: str = Field("db4", description="Name of the wavelet, as in PyWavelets.")


class BilateralParams(FilterParams):
    """A mean over near pixels of similar values."""

    width: float = Field(1.5, gt=0, description="Standard deviation in pixels.")
    strength: float = Field(2.0, gt=0, description="Difference of values over noise level.")
    window: int = Field(5, ge=3, description="Side of the window, odd.")
