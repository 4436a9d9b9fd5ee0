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
from invprob.testing import toys
from invprob.testing.target import Case

ROWS = 3
KEYS = tuple(range(ROWS))
TIMES = (0.2, 0.5, 0.8)


@dataclass(frozen=True)
class Call:
    """A function of a component and an input to try it on.

    Attributes:
        name: What messages call the function.
        f: The function, from a batch to a batch.
        x: The input, a tree of `ROWS` rows.
        smooth: Whether solvers differentiate the function.
    """

    name: str
    f: Callable[[Any], Any]
    x: Any
    smooth: bool = False


def images(shape: tuple[int, ...]) -> torch.Tensor:
    """Draw images of independent, uniform pixels, the same at every call.

    Args:
        shape: (C, H, W).

    Returns:
        Images (`ROWS`, C, H, W) in [0, 1], float32.
    """
    return torch.stack([torch.rand(shape, generator=seeds.stream(k, "images")) for k in KEYS])


def callables(case: Case, dtype: torch.dtype = torch.float64, device: str = "cpu") -> list[Call]:
    """Make a new instance of the component and list its functions.

    Args:
        case: The component.
        dtype: The precision of the inputs: float64, which the instance is brought to, or float32,
            which it must be made in.
        device: Their device.

    Returns:
        The functions with inputs.

    Raises:
        Inapplicable: If the component cannot be built.
    """
    thing, arguments = case.made()
    if dtype == torch.float64:  # else as it was made, so that a stray precision shows
        thing = thing.double()  # unlike .to(dtype) this leaves complex buffers complex
    made = functions(thing, arguments, dtype)
    thing.to(device)
    return [replace(call, x=to(call.x, dtype, device)) for call in made]


def functions(
    thing: Any, arguments: Sequence[Any], dtype: torch.dtype = torch.float32
) -> list[Call]:
    """List the functions of an instance.

    Args:
        thing: A generator, an operator, a noise or a prior.
        arguments: What it was made of, see `Made`; of a prior the last two are generator and stage.
        dtype: Its precision, which the inputs get.

    Returns:
        The functions with inputs on the CPU.
    """
    if isinstance(thing, Generator):
        return of_generator(thing, dtype)
    if isinstance(thing, Operator):
        return of_operator(thing, dtype)
    if isinstance(thing, Noise):
        return of_noise(thing, dtype)
    return of_prior(thing, to(latents(thing, *arguments[1:]), dtype))


def to(x: Any, dtype: torch.dtype = torch.float64, device: str = "cpu") -> Any:
    """Bring a tree to a device, and its real numbers to a precision.

    Args:
        x: A tree.
        dtype: The precision of real numbers; complex ones keep theirs.
        device: The device.

    Returns:
        A tree like x.
    """
    return tree.map(lambda u: u.to(device) if u.is_complex() else u.to(device, dtype), x)


def of_generator(G: Generator, dtype: torch.dtype) -> list[Call]:
    """List the functions of a generator: the whole, and each stage on its latent.

    Args:
        G: The generator.
        dtype: Its precision.

    Returns:
        1 + depth functions.
    """
    x = to(stages.draws(G, 0, KEYS, "uses"), dtype)
    made = [Call("G", G, x, smooth=True)]
    for k in range(1, G.depth + 1):
        made.append(Call(f"stage({k}, ·)", partial(G.stage, k), x, smooth=True))
        x = G(x, start=k - 1, stop=k)
    return made


def of_operator(A: Operator, dtype: torch.dtype) -> list[Call]:
    """List the functions of an operator: A, and the adjoint of a linear one.

    The pseudo-inverse, often slow, has a check of its own.

    Args:
        A: The operator.
        dtype: Its precision.

    Returns:
        One function or two.
    """
    x = images(A.in_shape).to(dtype)
    made = [Call("A", A, x, smooth=True)]
    if isinstance(A, LinearOperator):
        made.append(Call("adjoint", A.adjoint, A(x)))
    return made


def of_noise(noise: Noise, dtype: torch.dtype) -> list[Call]:
    """List the functions of a noise, of a pair (y, clean) or of y.

    Args:
        noise: The noise.
        dtype: Its precision.

    Returns:
        log_prob, scale and edge_scale, and chi2 unless nothing is added.
    """
    clean = 0.2 + 0.6 * images((40,)).to(dtype)
    y = torch.stack([noise.sample(c, seeds.stream(k)) for c, k in zip(clean, KEYS, strict=True)])
    made = [
        Call("log_prob", lambda x: noise.log_prob(*x), (y, clean), smooth=True),
        Call("scale", noise.scale, y),
        Call("edge_scale", noise.edge_scale, y),
    ]
    # without noise chi2 is NaN
    return made if y.equal(clean) else [*made, Call("chi2", lambda x: noise.chi2(*x), (y, clean))]


def latents(prior: Any, generator: Generator | None, stage: int) -> Any:
    """Draw latents that a prior was built for.

    Args:
        prior: The prior; one of images knows their shape.
        generator: The generator over whose latents it is; None: it is one of images.
        stage: The stage of these latents.

    Returns:
        A tree of `ROWS` rows: latents that the generator makes, or images in [0, 1].
    """
    if generator is None:
        return images(prior.image_shape or toys.SHAPE)
    return stages.draws(generator, stage, KEYS, "uses")


def of_prior(prior: Prior, x: Any) -> list[Call]:
    """List the functions of a prior, at times in the middle of a diffusion.

    Args:
        prior: The prior.
        x: Latents that it is over, of `ROWS` rows.

    Returns:
        The functions of every ability that it has.
    """
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
    """Make the time ½ for every row.

    Args:
        u: A tree with leaves (B, …).

    Returns:
        ½ (B,), in the precision of u and on its device.
    """
    like = tree.leaves(u)[0]
    return torch.full((len(like),), 0.5, dtype=like.dtype, device=like.device)
