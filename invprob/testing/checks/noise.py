"""What a noise owes besides: it draws from the distribution that it scores."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from invprob import seeds
from invprob.operator import Noise
from invprob.testing import compare
from invprob.testing.check import Inapplicable, check, require
from invprob.testing.target import Case

COUNT = 20000
LEVELS = (0.1, 0.5, 0.9)
"""The noiseless values around which is drawn: the variance may depend on them."""
WITHIN = 0.1
"""Relative error allowed of a variance of `COUNT` draws, ten times its standard error."""


def _made(case: Case, level: float = 0.5) -> tuple[Noise, Tensor, Tensor]:
    """The noise, a measurement (1, n), and the noiseless one."""
    noise: Noise = case.make().double()
    clean = torch.full((1, COUNT), level, dtype=torch.float64)
    y: Tensor = noise.sample(clean[0], seeds.stream("noise"))
    return noise, y[None], clean


def _noisy(case: Case) -> Iterator[tuple[str, Noise, Tensor, Tensor]]:
    """The same at every level, with words that name it."""
    for level in LEVELS:
        noise, y, clean = _made(case, level)
        if compare.equal(y, clean):
            raise Inapplicable("it adds no noise")
        yield f"around {level}", noise, y, clean


@check("noise")
def noise_drawn_from_rng(case: Case) -> None:
    """`sample(clean, rng)` must have the shape, dtype and device of `clean`, which has no batch
    dimension, and draw from `rng` alone."""
    noise, y, clean = _made(case)
    again = noise.sample(clean[0], seeds.stream("noise"))
    require(y.shape == clean.shape, f"a draw around {COUNT} values is {tuple(y.shape[1:])}")
    require(y.dtype == clean.dtype, f"a draw around float64 is {y.dtype}")
    require(compare.equal(y[0], again), "the same stream gives another draw")
    picture = noise.sample(torch.full((3, 4, 5), 0.5), seeds.stream("picture"))
    require(picture.shape == (3, 4, 5), f"a draw around (3, 4, 5) is {tuple(picture.shape)}")


@check("noise")
def one_value_per_row(case: Case) -> None:
    """`log_prob` and `chi2` must be one number for each row, (B,), of measurements of any shape,
    and `scale(y)` and `edge_scale(y)` one for each entry of y."""
    noise, _, _ = _made(case)
    clean = torch.full((2, 3, 4, 5), 0.5)
    y = torch.stack([noise.sample(row, seeds.stream("figures")) for row in clean])
    for name, value, shape in (
        ("log_prob", noise.log_prob(y, clean), (2,)),
        ("chi2", noise.chi2(y, clean), (2,)),
        ("scale", noise.scale(y), (2, 3, 4, 5)),
        ("edge_scale", noise.edge_scale(y), (2, 3, 4, 5)),
    ):
        found = tuple(value.shape)
        require(found == shape, f"{name} of y (2, 3, 4, 5) is {found}")


@check("noise")
def draws_match_log_prob(case: Case) -> None:
    """The noise that draws must be the one that scores: for y = sample(clean) the slope of
    log p(y | clean) must be 0 on average, and its variance the mean curvature (Bartlett, 1953)."""
    for where, noise, y, clean in _noisy(case):
        with torch.enable_grad():
            at = clean.clone().requires_grad_()
            (slope,) = torch.autograd.grad(noise.log_prob(y, at).sum(), at, create_graph=True)
            linear = not slope.requires_grad
            require(not linear, "the log-likelihood is linear in the noiseless measurement")
            (curvature,) = torch.autograd.grad(slope.sum(), at)
        if not bool(curvature.any()):  # all of it is in the kinks, as for Laplace's distribution
            curvature = _between_kinks(noise, y, clean)
        spread = float(slope.detach().std())
        bias = float(slope.detach().mean()) / spread * COUNT**0.5
        require(abs(bias) < 5, f"{where} the mean slope is {bias:.1f} standard errors from 0")
        ratio = spread**2 / -float(curvature.mean())
        fits = abs(ratio - 1) < WITHIN
        require(fits, f"{where} the variance is {ratio:.3g} times the mean curvature")


def _between_kinks(noise: Noise, y: Tensor, clean: Tensor) -> Tensor:
    """The curvature by differences of slopes a twentieth of the noise apart."""
    step = 0.05 * float((y - clean).std())
    slopes: list[Tensor] = []
    with torch.enable_grad():
        for at in (clean + step, clean - step):
            leaf = at.requires_grad_()
            slopes += torch.autograd.grad(noise.log_prob(y, leaf).sum(), leaf)
    ahead, behind = slopes
    return (ahead - behind) / (2 * step)


@check("noise")
def chi2_averages_one(case: Case) -> None:
    """`chi2(y, clean)` must be 1 on average for y = sample(clean): the squared residual in units of
    its standard deviation, averaged over the measurement."""
    for where, noise, y, clean in _noisy(case):
        value = float(noise.chi2(y, clean))
        require(abs(value - 1) < WITHIN, f"{where} it is {value:.3g}")


@check("noise")
def scale_matches_draws(case: Case) -> None:
    """`scale(y)` must be the standard deviation of every entry of y, in units of [0, 1]."""
    for where, noise, y, clean in _noisy(case):
        ratio = float(noise.scale(y).mean() / (y - clean).std())
        require(abs(ratio - 1) < WITHIN, f"{where} it is {ratio:.3g} times the deviation of draws")
