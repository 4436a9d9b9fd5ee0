"""What every function of images, latents and measurements owes: see `invprob.testing.callables`."""

from __future__ import annotations

from typing import Any

import torch

from invprob import tree
from invprob.testing import compare
from invprob.testing.callables import Call, callables
from invprob.testing.check import Failed, Inapplicable, check, require
from invprob.testing.compare import SAME
from invprob.testing.target import Case

KINDS = ("generator", "operator", "noise", "prior")

GRADIENT = 1e-4
"""Relative difference allowed between a gradient and central differences in double precision."""


@check(*KINDS)
def functions_pure(case: Case) -> None:
    """A function must give the same for the same input, whatever was called before, and leave the
    input as it is: keep no cache, draw nothing, and write nothing in place."""
    made = callables(case)
    first = {}
    for call in made:
        given = compare.copied(call.x)
        first[call.name] = call.f(given)
        require(compare.equal(given, call.x), f"{call.name} changes its input")
    for call in reversed(made):
        gap = compare.difference(call.f(call.x), first[call.name])
        require(gap < SAME, f"called again, {call.name} differs by {gap:.2g}")


@check(*KINDS)
def rows_independent(case: Case) -> None:
    """A batch must give what its rows give alone: mix no rows (no mean, norm or maximum over
    dimension 0), and return a row for every row."""
    for call in callables(case):
        whole = call.f(call.x)
        for leaf in tree.leaves(whole):
            count = tree.batch(call.x)
            require(leaf.shape[:1] == (count,), f"{call.name} gives {tuple(leaf.shape)}")
        for b in range(tree.batch(call.x)):
            gap = compare.difference(_alone(call, b), compare.row(whole, b))
            require(gap < SAME, f"row {b} of {call.name} differs by {gap:.2g} from the row alone")


def _alone(call: Call, b: int) -> Any:
    try:
        return call.f(compare.row(call.x, b))
    except RuntimeError as error:
        raise Failed(f"{call.name} of one row raises {error}") from error


@check(*KINDS)
def results_finite(case: Case) -> None:
    """Results must be finite for images in [0, 1] and for latents that the generator draws."""
    for call in callables(case):
        for leaf in tree.leaves(call.f(call.x)):
            require(bool(leaf.isfinite().all()), f"{call.name} gives {_odd(leaf)}")


def _odd(leaf: torch.Tensor) -> str:
    return f"{int((~leaf.isfinite()).sum())} values of {leaf.numel()} that are not finite"


@check(*KINDS)
def precision_kept(case: Case) -> None:
    """The result must have the precision of the input, float32 or float64: take constants to the
    input's (``constant.to(x)``), and make parameters and buffers in float32."""
    for call in callables(case):
        for leaf in tree.leaves(call.f(call.x)):
            require(leaf.dtype == torch.float64, f"{call.name} of float64 gives {leaf.dtype}")
    thing = case.make()
    if not isinstance(thing, torch.nn.Module):
        return
    for call in callables(case, torch.float32):
        for leaf in tree.leaves(call.f(call.x)):
            require(leaf.dtype == torch.float32, f"{call.name} of float32 gives {leaf.dtype}")


@check(*KINDS)
def device_kept(case: Case) -> None:
    """What a component makes must lie where its input lies (``device=x.device``), and what it
    keeps must be a parameter or a buffer, so that ``.to(device)`` moves it along."""
    tried = 0
    for call in callables(case, device="meta"):
        try:
            result = call.f(call.x)
        except NotImplementedError:  # it looks at values, of which a meta tensor has none
            continue
        except RuntimeError as error:
            if "autocast" in str(error):  # which there is none of without memory
                continue
            raise Failed(f"{call.name} on another device: {str(error).splitlines()[0]}") from error
        tried += 1
        for leaf in tree.leaves(result):
            require(leaf.device.type == "meta", f"{call.name} gives a result on {leaf.device}")
    if not tried:
        raise Inapplicable("no function can be tried without memory")


@check(*KINDS)
def gradient_matches_differences(case: Case) -> None:
    """The gradient must be that of the function, as solvers descend it: do not detach, round or
    leave torch; a log density, a likelihood and every stage must be differentiable."""
    tried = 0
    for call in callables(case):
        if not call.smooth:
            continue
        tried += 1
        analytic, numeric = compare.slopes(call.f, call.x)
        gap = compare.difference(analytic, numeric)
        require(gap < GRADIENT, f"the gradient of {call.name} differs by {gap:.2g}")
    if not tried:
        raise Inapplicable("it has no function that solvers differentiate")
