"""What is followed along a chain: a few numbers that stand for an image and its latent.

Convergence is judged functional by functional; of thousands of pixels and latents, random
projections weigh every direction by its variance, so the slow and wide ones are seen. Noise maps
are left out: they are normal by construction, hardly move the image, and are not what is asked.
"""

from __future__ import annotations

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.latents import roles
from invprob.solver import Info, Problem

IMAGE_PROJECTIONS = 4
LATENT_PROJECTIONS = 2
"""Per field of a latent, whose leaves (all noise maps, say) are projected together."""


class Functionals:
    """The functionals of a problem's rows; the directions are the same for every row and run.

    Args:
        problem: A problem of N rows.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._directions: dict[str, Tensor] = {}

    def __call__(self, info: Info) -> dict[str, Tensor]:
        """Compute the functionals of a step.

        Args:
            info: What the step shows: an image (N, C, H, W), and a latent if it is a draw.

        Returns:
            Numbers (N,) by name: log-likelihood in nats, mean of each channel, projections.
        """
        image = info.image
        with torch.no_grad():
            fit = self.problem.operator.log_likelihood(self.problem.y, image)
            found = {"log_likelihood": fit}
            for channel, mean in enumerate(image.flatten(2).mean(2).unbind(1)):
                found[f"brightness.{channel}"] = mean
            found |= _numbered("image", self._project("image", image, IMAGE_PROJECTIONS))
            fields: dict[str, list[Tensor]] = {}
            named = zip(
                tree.items(info.latent, "latent"), roles.of_leaves(info.latent), strict=True
            )
            for (name, leaf), role in named:
                if role == "noise":
                    continue
                part = self._project(name, leaf, LATENT_PROJECTIONS)
                fields.setdefault(_field(name), []).append(part)
            for name, parts in fields.items():
                found |= _numbered(name, torch.stack(parts).sum(0))
        return found

    def _project(self, name: str, x: Tensor, count: int) -> Tensor:
        """x (N, …) on `count` random directions, (N, count)."""
        flat = x.flatten(1)
        if name not in self._directions:
            rng = seeds.stream("functional", name)
            drawn = torch.randn(count, flat.shape[1], generator=rng)
            self._directions[name] = (drawn / flat.shape[1] ** 0.5).to(flat)
        return flat @ self._directions[name].T


def _field(name: str) -> str:
    """The field of a latent in which a leaf lies: ``latent.noise`` for ``latent.noise.3``."""
    path = name.split(".")
    return ".".join(part for part in path[:2] if not part.isdigit())


def _numbered(name: str, values: Tensor) -> dict[str, Tensor]:
    return {f"{name}.{i}": column for i, column in enumerate(values.unbind(1))}
