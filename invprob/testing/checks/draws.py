"""What a solver owes to the steps that it marks as draws."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob import tree
from invprob.testing import compare
from invprob.testing.check import Inapplicable, check, require
from invprob.testing.smoke_run import problem
from invprob.testing.target import Case

EXACT = 1e-4
"""Relative differences below this are of sums in another order."""


@check("solver")
def draws_are_of_their_latents(case: Case) -> None:
    """The latent of a draw must be the one that `Info.image` was made of: the generator from the
    stage of `Info.stage` on must give the image."""
    solver, p = case.make(), problem(case)
    for _, info in solver.run(p):
        if not info.draw:
            continue
        with torch.no_grad():
            made = p.generator(info.latent, start=info.stage)
        shown = tree.map(lambda v: v.clamp(0, 1), (made, info.image))
        gap = compare.difference(shown[0], shown[1])
        require(gap < 1e-4, f"the generator makes another image of it, by {gap:.2g}")


@check("solver")
def moments_are_of_draws(case: Case) -> None:
    """`mean` and `var` of `result` must be the mean and the variance of the images marked as draws
    (``Info.draw``), or those of the distribution that they are drawn from."""
    solver, p = case.make(), problem(case)
    images = []
    for progress in solver.run(p):
        state, info = progress
        if info.draw:
            images.append(info.image)
    if not images:
        raise Inapplicable("no step of its example is a draw")
    with torch.no_grad():
        _, mean, var = solver.result(p, state)
    drawn = torch.stack(images)
    _require_moments(drawn, mean, var)


def _require_moments(drawn: Tensor, mean: Tensor, var: Tensor) -> None:
    """Of draws (M, N, C, H, W) to the last bits, or of their distribution within its chance."""
    count, found = len(drawn), drawn.mean(0)
    away = (found - mean).abs()
    error = float((away.square().mean() / var.mean().clamp_min(1e-12) * count).sqrt())
    gap = compare.difference(found, mean)
    require(gap < EXACT or error < 3, f"the mean differs by {gap:.2g} from that of {count} draws")
    spread = drawn.var(0, correction=0)
    if compare.difference(spread, var) > EXACT and count > 1:
        ratio = float(var.mean() / drawn.var(0).mean().clamp_min(1e-12))
        require(0.25 < ratio < 4, f"var is {ratio:.2g} times that of {count} draws")
