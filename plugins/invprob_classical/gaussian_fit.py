"""`invprob train gaussian`: mean, principal components and remainder of a set of images.

The components are those of the sample covariance, found by subspace iteration from random ones
(Halko, Martinsson, Tropp, 2011, arXiv:0909.4061, algorithm 4.4), which never forms that matrix. The
remainder is the mean variance beside them, the maximum likelihood estimate of probabilistic
principal component analysis (Tipping & Bishop, 1999).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from invprob import paths, seeds
from invprob.errors import BadInput, BadParams
from invprob.io import image_dataset
from invprob.trainer import TrainingProgress
from invprob_classical.factors import Factors
from invprob_classical.gaussian_images import GaussianImages, write
from invprob_classical.params import GaussianTraining

CHUNK = 512
LEAST = 1e-6
"""Of the variance, must be left beside the components; single precision resolves no less."""
SPARE = 20
"""Directions followed besides those kept, which settle sooner for it."""


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
    found = image_dataset.load(source, params.colors, params)
    pictures, training, validation = found.images, found.train, found.held_out
    rank, count, values = params.rank, len(training), pictures[0].numel()
    # images less their mean span one direction fewer, and one must be left for the remainder
    most = min(count * (1 + params.flip) - 1, values)
    if rank >= most:
        raise BadParams(
            f"{rank} components of {count} images of {values} values",
            f"give a rank below {most}" if most > 1 else "give more images",
        )
    seen = pictures[training]
    mean = _mean(seen, params.flip)
    rng = seeds.stream("gaussian", "directions")
    directions = torch.randn(values, min(rank + SPARE, values), generator=rng)
    for i in range(params.passes):
        directions = torch.linalg.qr(directions).Q
        image, total = _spread(seen, mean, directions, params.flip)
        if total <= values * torch.finfo(mean.dtype).eps ** 2:  # the rounding of the mean
            raise BadInput(f"all {count} images of {source} are alike", "give images that differ")
        variances, turn = torch.linalg.eigh(directions.T.double() @ image.double())
        order = variances.argsort(descending=True)[:rank]
        explained = float(variances[order].sum()) / total
        yield TrainingProgress(i + 1, params.passes + 1, {"variance explained": explained})
        kept = directions.double() @ turn[:, order]
        directions = image
    if 1 - explained < LEAST:
        raise BadParams(
            f"{rank} components explain the {count} images of {source} whole, so that no remainder"
            " is left",
            "give a smaller rank, or more images",
        )
    rest = total * (1 - explained) / (values - rank)
    shape = pictures[0].shape
    factors = Factors(
        mean.reshape(shape),
        kept.T.reshape(-1, *shape),
        (variances[order] - rest).clamp_min(1e-12),
        torch.tensor(rest),
    )
    out = paths.made(out)
    about = {"images": count, "mirrored": params.flip, "rank": rank, "explained": explained}
    write(out / "gaussian.safetensors", factors, about)
    figures = {"variance explained": explained, "remainder": rest**0.5}
    if validation:
        figures["log density, held out"] = held_out(factors, pictures[validation])
    yield TrainingProgress(params.passes + 1, params.passes + 1, figures)


def _chunks(pictures: Tensor, mean: Tensor, flip: bool) -> Iterator[Tensor]:
    """Images less their mean, (B, values), float32; then mirrored ones."""
    for chunk in torch.split(pictures, CHUNK):
        for images in (chunk, chunk.flip(3)) if flip else (chunk,):
            yield images.flatten(1).float() / 255 - mean


def _mean(pictures: Tensor, flip: bool) -> Tensor:
    mean = torch.stack([c.double().sum(0) for c in torch.split(pictures, CHUNK)]).sum(0)
    mean = mean / (255 * len(pictures))
    return ((mean + mean.flip(2)) / 2 if flip else mean).float().flatten()


def _spread(pictures: Tensor, mean: Tensor, directions: Tensor, flip: bool) -> tuple[Tensor, float]:
    """(C times the directions, the trace of C)."""
    image, total, count = torch.zeros_like(directions), 0.0, 0
    for rows in _chunks(pictures, mean, flip):
        image += rows.T @ (rows @ directions)
        total += float(rows.square().sum(dtype=torch.float64))
        count += len(rows)
    return image / count, total / count


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
