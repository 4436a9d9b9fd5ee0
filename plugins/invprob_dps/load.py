"""Pixel diffusion models, bundled or the user's own."""

from __future__ import annotations

from pathlib import Path

import torch

from invprob.errors import BadInput, BadWeights
from invprob.generator import Generator
from invprob.io import checksums
from invprob.weights import store
from invprob_dps.file import read_file
from invprob_dps.folder import network_file, read_folder
from invprob_dps.params import PixelDiffusionParams
from invprob_dps.prior import PixelDiffusion

BUNDLED = Path(__file__).parent / "weights"


def pixel_diffusion(
    params: PixelDiffusionParams, generator: Generator | None, stage: int
) -> PixelDiffusion:
    """The model that the parameters name; raises `BadWeights` and `BadInput`."""
    if generator is not None and generator.depth > 0:
        raise BadInput(
            "pixel-diffusion is a prior over images, not over the latents of a generator",
            "leave out --generator",
        )
    model = named(params.weights, params.sha256)
    model.dtype = torch.bfloat16 if params.precision == "bfloat16" else torch.float32
    if params.compile:
        model.net.compile()
    return model


def named(name: str, sha256: str | None = None) -> PixelDiffusion:
    """A bundled model, or that of a folder or file, in float32; raises `BadWeights`."""
    inside = BUNDLED / name
    path = inside if name and inside.is_dir() else store.path(name)
    if path is None:
        names = {p.name for p in BUNDLED.glob("*/")}
        raise BadWeights(f"there is no diffusion model {name!r}", store.where(name, names))
    if path.is_dir():
        return read_folder(path, sha256 or checksums.listed(network_file(path), BUNDLED))
    return read_file(store.locate(name, BUNDLED), sha256)
