"""What a component says of itself by an attribute, and others believe: it must be true."""

from __future__ import annotations

import contextlib
import dataclasses
import math

import torch
from torch import Tensor

from invprob import seeds
from invprob.errors import BadInput, BadParams
from invprob.noise import WhiteNoise
from invprob.operator import LinearOperator, Noise, Operator
from invprob.prior import Score
from invprob.solver import Solver
from invprob.testing import compare, toys
from invprob.testing.callables import KEYS, TIMES, images, latents, to
from invprob.testing.check import Failed, check, require
from invprob.testing.compare import SAME
from invprob.testing.smoke_run import problem, run
from invprob.testing.target import Case

DRAWS = 64
"""Measurements of one image, by which a recorded noise is judged."""


def _operator(case: Case) -> tuple[Operator, Tensor]:
    """The operator, and images that it takes, in double precision."""
    A = case.make().double()
    return A, images(A.in_shape).double()


@check("operator")
def symmetric_means_alike(case: Case) -> None:
    """An operator that says `symmetric` must measure alike an image, the image turned by 180°, and
    one shifted within its black border, each channel by itself; leave it False otherwise."""
    A, x = _operator(case)
    if not A.symmetric:
        return
    require(len(A.in_shape) == 3, f"it says symmetric, and takes {tuple(A.in_shape)}")
    turned = x.clone()
    turned[:, :1] = x[:, :1].flip(2, 3)
    gap = compare.difference(A(turned), A(x))
    require(gap < SAME, f"of an image turned by 180° it measures {gap:.2g} else")
    framed = torch.nn.functional.pad(x[:, :, 2:-2, 2:-2], (2, 2, 2, 2))
    shifted = framed.clone()
    shifted[:, :1] = framed[:, :1].roll((2, -1), (2, 3))
    gap = compare.difference(A(shifted), A(framed))
    require(gap < SAME, f"of a shifted image it measures {gap:.2g} else")


@check("operator")
def sensor_records_noise(case: Case) -> None:
    """`recorded(noise)` must be the distribution of what is recorded around A(x), its slope of
    log p(y | clean) 0 on average over draws; where it is not the noise itself, say `is_sensor`."""
    A, x = _operator(case)
    given = WhiteNoise(toys.SIGMA)
    noise = A.recorded(given)
    if noise is given:
        require(not A.is_sensor, "it says is_sensor, and records a noise as it is")
        return
    require(A.is_sensor, "it records a noise otherwise, and does not say is_sensor")
    clean = A(x[:1]).expand(DRAWS, *A.out_shape)
    y = torch.stack([noise.sample(c, seeds.stream(k, "sensor")) for k, c in enumerate(clean)])
    with torch.enable_grad():
        at = clean.clone().requires_grad_()
        (slope,) = torch.autograd.grad(noise.log_prob(y, at).sum(), at)
    require(bool(slope.isfinite().all()), "a slope of log p(y | clean) is not finite")
    # one number a draw: entries of a draw need not be independent
    sums = slope.flatten(1).sum(1)
    bias = float(sums.mean() / sums.std()) * DRAWS**0.5
    require(abs(bias) < 5, f"the mean slope is {bias:.1f} standard errors from 0")


@check("operator", offers="linear")
def row_norm2_is_right(case: Case) -> None:
    """`row_norm2` must be c with A Aᵀ y = c y for every y, or None where there is none."""
    A, x = _operator(case)
    assert isinstance(A, LinearOperator)
    if A.row_norm2 is None:
        return
    y = compare.noise_like(A(x), "rows")
    gap = compare.difference(A(A.adjoint(y)), A.row_norm2 * y)
    require(gap < SAME, f"A Aᵀ y differs by {gap:.2g} from {A.row_norm2:.3g} y")


@check("operator")
def pictures_are_taken(case: Case) -> None:
    """`from_picture` must make a measurement (B, *out_shape) of pictures of `picture_shape`, and
    refuse all pictures where that is None."""
    A, _ = _operator(case)
    shape = A.picture_shape
    if shape is not None:
        y = A.from_picture(images(shape).double())
        found, expected = tuple(y.shape), (len(KEYS), *A.out_shape)
        require(found == expected, f"of a picture it makes {found}, not {expected}")
        return
    with contextlib.suppress(BadInput):
        A.from_picture(images((3, 8, 8)).double())
        raise Failed("picture_shape is None, and it takes a picture")


@check("operator")
def found_names_parameters(case: Case) -> None:
    """`found` must hold pictures (H, W) by the names of parameters, which a run folder keeps as
    their files."""
    A, _ = _operator(case)
    known = case.entry.params().model_fields
    for name, picture in A.found.items():
        require(name in known, f"it found {name!r}, which is not a parameter")
        require(picture.dim() == 2, f"what it found as {name} is {tuple(picture.shape)}")


@check("noise")
def exact_adds_nothing(case: Case) -> None:
    """A noise must say `exact` if it adds nothing, and only then."""
    noise, y, clean = _drawn(case)
    same = compare.equal(y, clean)
    require(same or not noise.exact, "it says exact, and a draw is not what was given")
    require(noise.exact or not same, "a draw is what was given, and it does not say exact")


@check("noise")
def edge_within_scale(case: Case) -> None:
    """`edge_scale(y)` must be positive and at most `scale(y)`, entry by entry; leave it to the base
    class unless many values explain y alike."""
    noise, y, _ = _drawn(case)
    edge, scale = noise.edge_scale(y), noise.scale(y)
    require(bool((edge <= scale * (1 + SAME)).all()), "it is more than scale(y) somewhere")
    require(noise.exact or bool((edge > 0).all()), "it is not positive everywhere")


@check("noise")
def own_draws_are_valid(case: Case) -> None:
    """`validate` must not refuse what the noise itself draws around values in [0, 1]."""
    noise, y, _ = _drawn(case)
    try:
        noise.validate(y)
    except BadInput as refusal:
        require(False, f"it refuses its own draw: {refusal}")


def _drawn(case: Case) -> tuple[Noise, Tensor, Tensor]:
    """The noise, draws (3, 1000), and the values that they are drawn around."""
    noise: Noise = case.make().double()
    clean = images((1000,)).double()
    rngs = [seeds.stream(k, "claims") for k in KEYS]
    y = torch.stack([noise.sample(c, rng) for c, rng in zip(clean, rngs, strict=True)])
    return noise, y, clean


@check("prior", offers="score")
def smoothed_and_noised_follow(case: Case) -> None:
    """`smoothed(u, t)` must be α s(α u, t), and `noised(u, t, ε)` α u + σ ε: leave them to the base
    class, or compute the same faster."""
    thing, arguments = case.made()
    prior = thing.double()
    u = prior.normalise(to(latents(prior, *arguments[1:])))
    t = torch.tensor(TIMES, dtype=torch.float64)
    noise = compare.noise_like(u, "noised")
    for name, found, expected in (
        ("smoothed", prior.smoothed(u, t), Score.smoothed(prior, u, t)),
        ("noised", prior.noised(u, t, noise), Score.noised(prior, u, t, noise)),
    ):
        gap = compare.difference(found, expected)
        require(gap < SAME, f"{name} differs by {gap:.2g}")


@check("generator", "prior")
def assumed_is_words(case: Case) -> None:
    """`assumed` must be a phrase of what was assumed of the weights, without a full stop, or be
    empty: it is shown within a sentence."""
    _require_phrase("assumed", case.make().assumed)


@check("generator")
def chosen_names_parameters(case: Case) -> None:
    """`chosen` must have the parameters that were left to the machine, each with a value that the
    model of the parameters takes: a run folder keeps it instead of the one given."""
    for name, value in case.make().chosen.items():
        known = name in case.entry.params().model_fields
        require(known, f"it has chosen {name!r}, which is not a parameter")
        try:
            case.entry.params().parse({**case.example, name: value}, name)
        except BadParams as refusal:
            require(False, f"{name}={value} that it has chosen is refused: {refusal}")


@check("solver")
def bias_and_tempered_are_said(case: Case) -> None:
    """`bias` must be a finite number of at least 0, and 0 for estimates, which the gate does not
    judge; `tempered` must be a phrase without a full stop, or empty."""
    solver: Solver = case.make()
    bias = solver.bias
    require(isinstance(bias, (int, float)) and 0 <= bias < math.inf, f"bias is {bias!r}")
    require(solver.returns == "sample" or bias == 0, f"an estimate has the bias {bias!r}")
    _require_phrase("tempered", solver.tempered)


def _require_phrase(name: str, text: object) -> None:
    fits = isinstance(text, str) and text == text.strip() and not text.endswith(".")
    require(fits and "\n" not in str(text), f"{name} is {text!r}")


@check("solver")
def one_sample_draws_nothing(case: Case) -> None:
    """A solver that has one sample by default (``("samples", "1")``) must draw nothing: with other
    keys it gives the same image; leave that default out otherwise."""
    if dict(case.entry.component.defaults).get("samples") != "1":
        return
    solver, p = case.make(), problem(case, rows=1, chains=1)
    image = run(solver, p)[-3]
    other = dataclasses.replace(p, keys=tuple(key + 1 for key in p.keys))
    gap = compare.difference(run(case.make(), other)[-3], image)
    require(gap < SAME, f"with other keys the image differs by {gap:.2g}")
