"""What a prior owes besides, ability by ability."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from invprob import tree
from invprob.testing import compare
from invprob.testing.callables import KEYS, callables, latents, to
from invprob.testing.check import Inapplicable, check, require
from invprob.testing.compare import SAME
from invprob.testing.target import STAGES, Case

GRADIENT = 1e-3
"""Relative difference allowed between a score at the least time and ∇ log p."""


def _made(case: Case) -> tuple[Any, Any]:
    """The prior and latents that it is over, in double precision."""
    thing, arguments = case.made()
    prior = thing.double()
    return prior, to(latents(prior, *arguments[1:]))


def _times(t: float) -> torch.Tensor:
    return torch.full((len(KEYS),), t, dtype=torch.float64)


def _later(case: Case) -> Case:
    """The prior over a latent behind the first stage, which often has several leaves."""
    return replace(case, stages=tuple(stage for stage in STAGES if stage > 0))


@check("prior")
def takes_latent_trees(case: Case) -> None:
    """A prior over latents must take dataclasses of tensors, such as StyleGAN's: work leaf by leaf
    with `invprob.tree.map`, and sum over leaves with `invprob.tree.dot`."""
    if "pixels" in case.offers:
        raise Inapplicable("it is a prior of images")
    for call in callables(_later(case)):
        result = call.f(call.x)
        # of (u, t) the score is one like u
        like = call.x[0] if isinstance(call.x, tuple) else call.x
        found, given = type(result).__name__, type(like).__name__
        fits = found == given or call.name == "log_density"
        require(fits, f"{call.name} of a {given} is a {found}")


@check("prior", offers="log_density")
def log_density_per_row(case: Case) -> None:
    """`log_density(x)` must be one number for each row, (B,), the sum over all leaves."""
    prior, x = _made(case)
    shape = tuple(prior.log_density(x).shape)
    require(shape == (len(KEYS),), f"it is {shape} for {len(KEYS)} rows")


@check("prior", offers="log_density")
def density_reads_every_leaf(case: Case) -> None:
    """`log_density` must depend on every leaf of a latent, or what it leaves out has no prior: sum
    over leaves with `invprob.tree.dot`."""
    if "pixels" in case.offers:
        raise Inapplicable("it is a prior of images")
    prior, x = _made(_later(case))
    with torch.enable_grad():
        leaf = tree.variables(x)
        value = prior.log_density(leaf).sum()
        slopes = torch.autograd.grad(value, tree.leaves(leaf), allow_unused=True)
    for (name, _), slope in zip(tree.items(x), slopes, strict=True):
        reads = slope is not None and bool((slope != 0).any())
        require(reads, f"it does not read leaf {name!r}")


@check("prior", offers="score")
def schedule_monotone(case: Case) -> None:
    """`schedule(t)` must be (α, σ), each (B,): α > 0 must not grow with t, σ > 0 must, from `t_min`
    to 1, and it must be differentiable in t."""
    prior, _ = _made(case)
    t = torch.linspace(max(prior.t_min, 1e-5), 1, 50, dtype=torch.float64)
    with torch.enable_grad():
        at = t.requires_grad_()
        alpha, sigma = prior.schedule(at)
        require(sigma.requires_grad, "σ does not depend on t for autograd")
    for name, value in (("α", alpha), ("σ", sigma)):
        require(value.shape == t.shape, f"{name} of 50 times is {tuple(value.shape)}")
        require(bool((value > 0).all()), f"{name} is {float(value.detach().min()):.2g} somewhere")
    require(bool((alpha.diff() <= 1e-9).all()), "α grows with t")
    require(bool((sigma.diff() > 0).all()), "σ does not grow with t")


@check("prior", offers="score")
def score_matches_density(case: Case) -> None:
    """`score(u, t)` must be a tree like u; near `t_min` it must be ∇ log p where the prior has a
    log density."""
    prior, x = _made(case)
    u = prior.normalise(x)
    named = [(name, leaf.shape) for name, leaf in tree.items(u)]
    found = [(name, leaf.shape) for name, leaf in tree.items(prior.score(u, _times(0.5)))]
    require(found == named, f"the score has leaves {found}, u has {named}")
    if "log_density" not in case.offers:
        return
    with torch.enable_grad():
        leaf = tree.variables(u)
        value = prior.log_density(prior.restore(leaf)).sum()
        slope = tree.unflatten(u, list(torch.autograd.grad(value, tree.leaves(leaf))))
    gap = compare.difference(prior.score(u, _times(max(prior.t_min, 1e-5))), slope)
    require(gap < GRADIENT, f"at t_min it differs by {gap:.2g} from ∇ log p")


@check("prior", offers="score")
def score_matches_denoiser(case: Case) -> None:
    """Score and denoiser must agree: α E[u_0 | u_t] = u_t + σ² s(u_t, t) (Tweedie's formula); write
    one of them, and derive from `Score` or `Denoiser` for the other."""
    prior, x = _made(case)
    u = prior.normalise(x)
    for t in (0.2, 0.5, 0.9):
        alpha, sigma = prior.schedule(_times(t))

        def right(leaf: Any, s: Any, sigma: Any = sigma) -> Any:
            return leaf + tree.per_element(sigma**2, leaf) * s

        def left(leaf: Any, alpha: Any = alpha) -> Any:
            return tree.per_element(alpha, leaf) * leaf

        mean = tree.map(left, prior.denoise(u, _times(t)))
        gap = compare.difference(mean, tree.map(right, u, prior.score(u, _times(t))))
        require(gap < 1e-4, f"at t = {t} the two differ by {gap:.2g}")


@check("prior", offers="score")
def normalise_invertible(case: Case) -> None:
    """`restore` must invert `normalise`, and both must be affine, element by element."""
    prior, x = _made(case)
    gap = compare.difference(prior.restore(prior.normalise(x)), x)
    require(gap < SAME, f"restore(normalise(x)) differs by {gap:.2g} from x")
    other = tree.map(lambda leaf: leaf.roll(1, 0), x)
    middle = prior.normalise(tree.map(lambda a, b: (a + b) / 2, x, other))
    mean = tree.map(lambda a, b: (a + b) / 2, prior.normalise(x), prior.normalise(other))
    gap = compare.difference(middle, mean)
    require(gap < SAME, f"normalise of a mean differs by {gap:.2g} from the mean")


@check("prior", offers="proximal")
def prox_minimises(case: Case) -> None:
    """`prox(x, τ)` must be argmin ½‖u − x‖² + τ h(u): for an indicator, where τ is idle, a
    projection (twice is once); else x as τ → 0, and x − u = τ ∇h(u) where the prior has a log
    density."""
    prior, x = _made(case)
    far = tree.map(lambda leaf: 3 * leaf, x)
    u = prior.prox(far, 0.7)
    if compare.difference(prior.prox(far, 1e-9), u) < SAME:
        gap = compare.difference(prior.prox(u), u)
        require(gap < SAME, f"projected twice, it differs by {gap:.2g}")
        return
    gap = compare.difference(prior.prox(far, 1e-9), far)
    require(gap < SAME, f"for τ = 1e-9, prox(x) differs by {gap:.2g} from x")
    if "log_density" not in case.offers:
        return
    with torch.enable_grad():
        leaf = tree.variables(u)
        slopes = torch.autograd.grad(prior.log_density(leaf).sum(), tree.leaves(leaf))
    expected = tree.map(lambda v, g: v - 0.7 * g, u, tree.unflatten(u, list(slopes)))
    gap = compare.difference(far, expected)
    require(gap < GRADIENT, f"x − u differs by {gap:.2g} from τ ∇h(u)")
