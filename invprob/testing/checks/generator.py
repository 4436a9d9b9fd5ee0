"""What a generator owes besides: stages that make up the whole, and latents that can be kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from invprob import seeds, tree
from invprob.generator import Generator
from invprob.io import checkpoint
from invprob.latents import stages
from invprob.testing import compare
from invprob.testing.callables import KEYS, to
from invprob.testing.check import Failed, Inapplicable, check, require
from invprob.testing.compare import SAME
from invprob.testing.target import Case


def _made(case: Case) -> tuple[Generator, Any]:
    """The generator in double precision, and a batch of inputs."""
    G = case.make().double()
    return G, to(stages.draws(G, 0, KEYS, "generator"))


def _latents(G: Generator, x: Any) -> Iterator[tuple[int, Any]]:
    """(k, x_k) for 0 ≤ k < depth."""
    for k in range(G.depth):
        yield k, x
        x = G(x, start=k, stop=k + 1)


@check("generator")
def image_shape_and_range(case: Case) -> None:
    """`G(x)` must be (B, *image_shape) for B inputs of `sample(B, rng)`, an image (C, H, W) with
    most values in [0, 1]: convert a network of [−1, 1] at its border."""
    G, x = _made(case)
    image = G(x)
    shape = tuple(image.shape)
    require(len(G.image_shape) == 3, f"image_shape is {G.image_shape}")
    require(shape == (len(KEYS), *G.image_shape), f"G(x) is {shape}, image_shape {G.image_shape}")
    low, middle, high = image.quantile(image.new_tensor([0.05, 0.5, 0.95])).tolist()
    within = low > -0.5 and high < 1.5 and 0 < middle < 1
    require(within, f"5 %, 50 % and 95 % of values lie below {low:.2f}, {middle:.2f}, {high:.2f}")


@check("generator")
def latents_drawn_from_rng(case: Case) -> None:
    """`sample(batch, rng)` must draw from `rng` alone: the same stream gives the same latents,
    another stream others, and a batch has as many rows as asked for."""
    G = case.make()
    one, same, other = (G.sample(2, seeds.stream(path)) for path in ("a", "a", "b"))
    for name, leaf in tree.items(one):
        require(len(leaf) == 2, f"leaf {name!r} of 2 draws is {tuple(leaf.shape)}")
    require(compare.equal(one, same), "the same stream gives other latents")
    require(not compare.equal(one, other), "another stream gives the same latents")


@check("generator")
def refuses_unknown_stages(case: Case) -> None:
    """`stage(k, x)` must raise `ValueError` for k < 1 and k > depth."""
    G, x = _made(case)
    for k in (0, G.depth + 1):
        try:
            G.stage(k, x)
        except ValueError:
            continue
        except Exception as error:
            raise Failed(f"stage({k}, x) raises {type(error).__name__}") from error
        raise Failed(f"stage({k}, x) is accepted, and the depth is {G.depth}")


@check("generator")
def every_leaf_moves_image(case: Case) -> None:
    """Every leaf of a latent must move the image: read it in a later stage, or leave it out of the
    latent."""
    G, x = _made(case)
    for k, x_k in _latents(G, compare.row(x, 0)):
        with torch.enable_grad():
            leaf = tree.variables(x_k)
            image = G(leaf, start=k)
            seen = tree.dot(image, compare.noise_like(image.detach(), "live")).sum()
            slopes = torch.autograd.grad(seen, tree.leaves(leaf), allow_unused=True)
        for (name, _), slope in zip(tree.items(x_k), slopes, strict=True):
            moves = slope is not None and bool((slope != 0).any())
            require(moves, f"stage {k}: leaf {name!r} has no effect")


@check("generator")
def latents_serialisable(case: Case) -> None:
    """A latent must be a tensor, or a frozen dataclass of tensors (batch first) that is listed in
    `latents`: so checkpoints write it and read it back."""
    G, x = _made(case)
    for k, x_k in _latents(G, x):
        for name, leaf in tree.items(x_k):
            require(len(leaf) == len(KEYS), f"stage {k}: leaf {name!r} is {tuple(leaf.shape)}")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "latent.pt"
            checkpoint.save(file, x_k)
            again = checkpoint.load(file, G.latents)
        require(type(again) is type(x_k), f"stage {k}: a {type(again).__name__} is read back")
        require(compare.equal(again, x_k), f"stage {k}: other values are read back")


@check("generator")
def stages_match_reference(case: Case) -> None:
    """The stages in a row must give what `reference(x_0)` gives, the network in one piece: let the
    latents carry all that later stages read. Leave `reference` out if there is none."""
    G, x = _made(case)
    reference = getattr(G, "reference", None)
    if reference is None:
        raise Inapplicable("it has no reference(x_0)")
    gap = compare.difference(G(x), reference(x))
    require(gap < SAME, f"they differ by {gap:.2g}")
