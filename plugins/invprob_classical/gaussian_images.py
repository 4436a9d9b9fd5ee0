"""A Gaussian fitted to images, with log density, score and denoiser in closed form.

C is diagonal in the components and isotropic beside them, so that every function of it is one of
their variances: E[u_0 | u_t] = m + α C (α² C + σ²)⁻¹ (u_t − α m).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from invprob.diffusion import schedules
from invprob.errors import BadWeights
from invprob.gaussian.factors import Factors, in_bytes
from invprob.generator import Generator
from invprob.io import checksums, tensor_files
from invprob.numerics.linalg import one_thread
from invprob.prior import Denoiser, LogDensity, over_images
from invprob.weights import store
from invprob_classical.params import GaussianImagesParams

BUNDLED = Path(__file__).parent / "weights"
KIND = "gaussian-images"


class GaussianImages(Denoiser[Tensor], LogDensity[Tensor]):
    """N(mean, C) over images (B, C, H, W); the diffusion is of u = 2x − 1.

    `GaussianImages.pretrained("faces64")` reads one from weights.

    Args:
        factors: Mean and covariance.
    """

    t_min = 1e-5
    mean: Tensor
    components: Tensor
    excess: Tensor
    rest: Tensor

    def __init__(self, factors: Factors) -> None:
        super().__init__()
        channels, height, width = factors.mean.shape
        self.image_shape = (channels, height, width)
        for name, part in vars(factors).items():
            self.register_buffer(name, part)

    @classmethod
    def pretrained(cls, weights: str | Path = "faces64", **values: Any) -> Self:
        """The Gaussian of bundled weights, of weights that were added by name, or of a file.

        Args:
            weights: ``"faces64"``, ``"fruits64"``, another name of `invprob weights list`, or a
                file of `invprob train gaussian`.
            values: `sha256`, the SHA-256 that the file must have.

        Returns:
            The prior, on the CPU.

        Raises:
            BadParams: If a parameter is unknown.
            BadWeights: If the file is missing, damaged or not such a Gaussian.
        """
        params = GaussianImagesParams.parse({"weights": str(weights), **values}, "GaussianImages")
        return cls.from_params(params, None, 0)

    @classmethod
    def from_params(
        cls, params: GaussianImagesParams, generator: Generator | None, stage: int
    ) -> Self:
        """The Gaussian that parameters describe, as the registry makes it.

        Args:
            params: The parameters.
            generator: None, or one of depth 0.
            stage: Not needed.

        Returns:
            The prior, on the CPU.

        Raises:
            BadInput: If there is a generator with latents.
            BadWeights: If the file is missing, damaged or not such a Gaussian.
        """
        over_images("gaussian-images", generator)
        path = store.locate(params.weights, BUNDLED)
        return cls(read(path, params.sha256 or checksums.listed(path, BUNDLED)))

    @property
    def factors(self) -> Factors:
        """Mean and covariance."""
        return Factors(self.mean, self.components, self.excess, self.rest)

    def normalise(self, x: Tensor) -> Tensor:
        return 2 * x - 1

    def restore(self, u: Tensor) -> Tensor:
        return (u + 1) / 2

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return schedules.vp(t)

    def log_density(self, x: Tensor) -> Tensor:
        f = self.factors.to(x)
        gap = (x - f.mean).flatten(1)
        along = gap @ f.components.flatten(1).T
        beside = gap - along @ f.components.flatten(1)
        inside = (along.square() / (f.excess + f.rest)).sum(1)
        return -0.5 * (inside + beside.square().sum(1) / f.rest)

    def denoise(self, u: Tensor, t: Tensor) -> Tensor:
        f = self.factors.to(u)
        alpha, sigma = (value[:, None] for value in self.schedule(t))

        def gain(variance: Tensor) -> Tensor:
            variance = 4 * variance  # of u
            return alpha * variance / (alpha**2 * variance + sigma**2)

        mean, components = self.normalise(f.mean).flatten(), f.components.flatten(1)
        gap = u.flatten(1) - alpha * mean
        along = gap @ components.T
        beside = gap - along @ components
        moved = (gain(f.excess + f.rest) * along) @ components + gain(f.rest) * beside
        return (mean + moved).reshape(u.shape)


def read(path: Path, expected: str | None = None) -> Factors:
    """The factors of a file of `write`.

    Args:
        path: The file.
        expected: Its SHA-256, where one is known.

    Returns:
        The factors, float32, with orthonormal components.

    Raises:
        BadWeights: If the file is damaged, or not of a Gaussian over images.
    """
    tensors, metadata = tensor_files.read(path, expected)
    if metadata.get("kind") != KIND:
        raise BadWeights(
            f"weights {path} are not a Gaussian over images",
            "give a file of invprob train gaussian",
        )
    if fault := _fault(tensors):
        raise BadWeights(f"weights {path} describe no Gaussian: {fault}", "the file is damaged")
    rows = tensors["components"].flatten(1).double()
    # rows that were scaled and rounded are orthogonal no more
    with one_thread():
        basis, triangle = torch.linalg.qr(rows.T)
    rows = (basis * triangle.diagonal().sign()).T.float()
    mean, excess, rest = (tensors[name].float() for name in ("mean", "excess", "rest"))
    return Factors(mean, rows.reshape(-1, *mean.shape), excess, rest)


def _fault(tensors: Mapping[str, Tensor]) -> str:
    """What keeps tensors from being factors, in words; empty if nothing does."""
    if missing := sorted({"mean", "components", "excess", "rest"} - tensors.keys()):
        return f"{missing[0]} is missing"
    mean, components, excess = (tensors[name] for name in ("mean", "components", "excess"))
    count = components.shape[0] if components.dim() else 0
    wanted = {"components": (count, *mean.shape), "excess": (count,), "rest": ()}
    if mean.dim() != 3 or not 0 < count <= mean.numel():
        return f"mean is {tuple(mean.shape)} and components are {tuple(components.shape)}"
    for name, shape in wanted.items():
        if (found := tuple(tensors[name].shape)) != shape:
            return f"{name} is {found}, not {shape}"
    for name in ("mean", *wanted):
        if not bool(tensors[name].float().isfinite().all()):
            return f"{name} is not finite"
    if not bool((excess > 0).all() and tensors["rest"] > 0):
        return "a variance is not above 0"
    if not bool(components.flatten(1).any(1).all()):
        return "a component is 0"
    return ""


def write(path: Path, factors: Factors, metadata: Mapping[str, object]) -> None:
    """Write factors to a file, each component with 8 bits a value, the rest in float32.

    Args:
        path: The file.
        factors: The factors.
        metadata: What else to say, by name.
    """
    tensors = {name: part.float() for name, part in vars(factors).items()}
    tensors["components"] = in_bytes(factors.components)
    tensor_files.write(path, tensors, {"kind": KIND, **metadata})
