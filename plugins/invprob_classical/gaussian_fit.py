"""`invprob train gaussian`: a Gaussian fitted to a set of images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from invprob import paths
from invprob.errors import BadInput, BadParams
from invprob.gaussian.factors import Factors
from invprob.gaussian.fit import PrincipalComponents
from invprob.io import image_dataset
from invprob.trainer import TrainingProgress
from invprob_classical.gaussian_images import GaussianImages, write
from invprob_classical.params import GaussianTraining

CHUNK = 512
LEAST = 1e-6
"""Of the variance, must be left beside the components; single precision resolves no less."""


def train(params: GaussianTraining, source: Path, out: Path) -> Iterator[TrainingProgress]:
    """Fit a Gaussian and write it to ``gaussian.safetensors``.

    Args:
        params: The parameters.
        source: A folder or zip file of square images of one size.
        out: The folder for the weights.

    Yields:
        A record for each pass over the images.

    Raises:
        BadInput: If there are no images, or not of one size, or all are alike.
        BadParams: If there are too few images for so many components.
    """
    data = image_dataset.load(source, params.colors, params)
    pictures, training, validation = data.images, data.train, data.held_out
    rank, count, values = params.rank, len(training), pictures[0].numel()
    # images less their mean span one direction fewer, and one must be left for the remainder
    most = min(count * (1 + params.flip) - 1, values)
    if rank >= most:
        raise BadParams(
            f"{rank} components of {count} images of {values} values",
            f"give a rank below {most}" if most > 1 else "give more images",
        )
    seen = pictures[training]
    found = PrincipalComponents(lambda: _chunks(seen, params.flip), tuple(seen.shape[1:]), rank)
    for i in range(params.passes):
        found.improve()
        if found.total <= values * torch.finfo(torch.float32).eps ** 2:  # the mean's rounding
            raise BadInput(f"all {count} images of {source} are alike", "give images that differ")
        yield TrainingProgress(i + 1, params.passes + 1, {"variance explained": found.explained})
    explained = found.explained
    if 1 - explained < LEAST:
        raise BadParams(
            f"{rank} components explain the {count} images of {source} whole, so that no remainder"
            " is left",
            "give a smaller rank, or more images",
        )
    factors = found.factors()
    out = paths.made(out)
    about = {"images": count, "mirrored": params.flip, "rank": rank, "explained": explained}
    write(out / "gaussian.safetensors", factors, about)
    figures = {"variance explained": explained, "remainder": float(factors.rest) ** 0.5}
    if validation:
        figures["log density, held out"] = held_out(factors, pictures[validation])
    yield TrainingProgress(params.passes + 1, params.passes + 1, figures)


def _chunks(pictures: Tensor, flip: bool) -> Iterator[Tensor]:
    """Images in [0, 1]; then mirrored ones."""
    for chunk in torch.split(pictures, CHUNK):
        for images in (chunk, chunk.flip(3)) if flip else (chunk,):
            yield images.float() / 255


def held_out(factors: Factors, pictures: Tensor) -> float:
    """The mean log density of images that the fit has not seen.

    Args:
        factors: The Gaussian.
        pictures: Images (B, C, H, W), uint8.

    Returns:
        Nats per image value, of images in [0, 1] without the constant −½ log 2π.
    """
    values = pictures[0].numel()
    quadratic = GaussianImages(factors).log_density(pictures.float() / 255).mean()
    beside = (values - len(factors.excess)) * factors.rest.log()
    determinant = (factors.excess + factors.rest).log().sum() + beside
    return float(quadratic - determinant / 2) / values
