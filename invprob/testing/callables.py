"""What there is to try of a component: its functions, each with an input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from invprob import seeds, tree
from invprob.generator import Generator
from invprob.latents import stages
from invprob.operator import LinearOperator, Noise, Operator
from invprob.prior import Denoiser, LogDensity, Prior, Proximal, Score
from invprob.testing.target import Case

ROWS = 3
KEYS = tuple(range(ROWS))
TIMES = (0.2, 0.5, 0.8)


@dataclass(frozen=True)
class Call:
    """A function of a component from a batch (a tree of `ROWS` rows) to a batch.

    `smooth` says that solvers differentiate it.
    """

    name: str
    f: Callable[[Any], Any]
    x: Any
    smooth: bool = False


def images(shape: tuple[int, ...]) -> torch.Tensor:
    """`ROWS` images with values in [0, 1], of independent pixels."""
    return torch.stack([torch.rand(shape, generator=seeds.stream(k, "images")) for k in KEYS])


def callables(case: Case, dtype: torch.dtype = torch.float64, device: str = "cpu") -> list[Call]:
    """The functions of a new instance of the component, on a device in a precision."""
    thing, arguments = case.made()
    # unlike .to(dtype) this leaves complex buffers complex
    thing = thing.double() if dtype == torch.float64 else thing.float()
    made = functions(thing, arguments, dtype)
    thing.to(device)
    return [replace(call, x=to(call.x, dtype, device)) for call in made]


def functions(
    thing: Any, arguments: Sequence[Any], dtype: torch.dtype = torch.float32
) -> list[Call]:
    """The functions of a component that was made of `arguments` and is of a precision."""
    if isinstance(thing, Generator):
        return of_generator(thing, dtype)
    if isinstance(thing, Operator):
        return of_operator(thing, dtype)
    if isinstance(thing, Noise):
        return of_noise(thing, dtype)
    return of_prior(thing, to(latents(thing, *arguments[1:]), dtype))


def to(x: Any, dtype: torch.dtype = torch.float64, device: str = "cpu") -> Any:
    """A tree on a device, its real numbers in a precision."""
    return tree.map(lambda u: u.to(device) if u.is_complex() else u.to(device, dtype), x)


def of_generator(G: Generator, dtype: torch.dtype) -> list[Call]:
    """The whole, and each stage on its latent."""
    x = to(stages.draws(G, 0, KEYS, "uses"), dtype)
    made = [Call("G", G, x, smooth=True)]
    for k in range(1, G.depth + 1):
        made.append(Call(f"stage({k}, ·)", partial(G.stage, k), x, smooth=True))
        x = G(x, start=k - 1, stop=k)
    return made


def of_operator(A: Operator, dtype: torch.dtype) -> list[Call]:
    """A, and the adjoint of a linear one; its pseudo-inverse, often slow, is checked once."""
    x = images(A.in_shape).to(dtype)
    made = [Call("A", A, x, smooth=True)]
    if isinstance(A, LinearOperator):
        made.append(Call("adjoint", A.adjoint, A(x)))
    return made


def of_noise(noise: Noise, dtype: torch.dtype) -> list[Call]:
    """What a noise computes of a pair (y, clean), and of y."""
    clean = 0.2 + 0.6 * images((40,)).to(dtype)
    y = torch.stack([noise.sample(c, seeds.stream(k)) for c, k in zip(clean, KEYS, strict=True)])
    made = [
        Call("log_prob", lambda x: noise.log_prob(*x), (y, clean), smooth=True),
        Call("scale", noise.scale, y),
    ]
    # without noise chi2 is NaN
    return made if y.equal(clean) else [*made, Call("chi2", lambda x: noise.chi2(*x), (y, clean))]


def latents(prior: Any, generator: Generator | None, stage: int) -> Any:
    """Latents that a prior was built for: those that the generator induces, or images."""
    if generator is None:
        return images(prior.image_shape)
    return stages.draws(generator, stage, KEYS, "uses")


def of_prior(prior: Prior, x: Any) -> list[Call]:
    """What a prior can do, at times of the middle of a diffusion."""
    made = []
    t = torch.tensor(TIMES).to(tree.leaves(x)[0])
    if isinstance(prior, LogDensity):
        made.append(Call("log_density", prior.log_density, x, smooth=True))
    if isinstance(prior, Score):
        u = prior.normalise(x)
        made += [
            Call("score", lambda ut: prior.score(*ut), (u, t)),
            Call("denoise", lambda ut: prior.denoise(*ut), (u, t)),
            Call("normalise", prior.normalise, x),
            Call("restore", prior.restore, u),
        ]
        if isinstance(prior, Denoiser):  # solvers differentiate through it
            made.append(Call("denoise at ½", lambda u: prior.denoise(u, halves(u)), u, smooth=True))
    if isinstance(prior, Proximal):
        made.append(Call("prox", prior.prox, x))
    return made


def halves(u: Any) -> torch.Tensor:
    """t = ½ for every row."""
    like = tree.leaves(u)[0]
    return torch.full((len(like),), 0.5, dtype=like.dtype, device=like.device)
