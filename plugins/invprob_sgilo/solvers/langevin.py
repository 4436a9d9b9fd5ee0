"""What both dynamics of SGILO need besides `invprob.numerics`: a preconditioner."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from invprob import tree
from invprob.latents import stages
from invprob.operator import Operator
from invprob.tree import X


def fisher_probe(
    A: Operator, image_of: Callable[[X], Tensor], u: X, rngs: list[torch.Generator]
) -> tuple[X, Tensor]:
    """Square ∇ log p(y'|u) for one fresh y' ~ p(y|u).

    Its mean over many probes is the diagonal of the Fisher information of y about u: for Gaussian
    noise the diagonal of JᵀJ/σ², J the Jacobian of A∘G.

    Args:
        A: The operator with its noise.
        image_of: From a tree like u to images (N, C, H, W).
        u: A tree with N rows.
        rngs: A random generator for each row.

    Returns:
        The squares, a tree like u, and the images at u.
    """
    with torch.enable_grad():
        leaf = tree.variables(u)
        image = image_of(leaf)
        clean = A(image)
        rows = zip(clean.detach().cpu(), rngs, strict=True)
        y = torch.stack([A.noise.sample(row, rng) for row, rng in rows]).to(clean)
        slope = stages.gradient(A.noise.log_prob(y, clean), leaf)
    return tree.map(torch.square, slope), image.detach()


def distance(images: Tensor, samples: int) -> Tensor:
    """Compute how far each chain of a measurement is from the first.

    Args:
        images: Images of B measurements × `samples` chains, (N, C, H, W).
        samples: The chains of a measurement.

    Returns:
        The root mean square over pixels, (N,); 0 for the first of each.
    """
    first = images[::samples].repeat_interleave(samples, 0)
    return (images - first).square().flatten(1).mean(1).sqrt()


def pooled(x: X, samples: int) -> X:
    """Give the chains of one measurement their mean.

    Args:
        x: A tree with rows for B measurements × `samples` chains, those of one side by side.
        samples: The chains of a measurement.

    Returns:
        A tree like x.
    """

    def mean(leaf: Tensor) -> Tensor:
        of_each = leaf.reshape(-1, samples, *leaf.shape[1:]).mean(1)
        return of_each.repeat_interleave(samples, 0)

    return tree.map(mean, x)
