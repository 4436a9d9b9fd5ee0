"""What a solver owes to the problem that it is given: its precision, and latents of any type."""

from __future__ import annotations

import dataclasses

import torch

from invprob import tree
from invprob.testing import toys
from invprob.testing.check import Inapplicable, check, require
from invprob.testing.smoke_run import problem, run
from invprob.testing.target import Case


@check("solver")
def precision_of_problem_kept(case: Case) -> None:
    """On a problem in float32, images, latents and the result must be float32: draw noise in the
    precision of the state (`invprob.seeds.normal_like`), and take constants to it."""
    solver, p = case.make(), problem(case, dtype=torch.float32)
    made: list[tuple[str, torch.Tensor]] = []
    for progress in solver.run(p):
        state, info = progress
        where = f"step {state.step}"
        made.append((f"the image of {where}", info.image))
        if info.latent is not None:
            made += [(f"a latent of {where}", leaf) for leaf in tree.leaves(info.latent)]
    with torch.no_grad():
        made += zip(("image", "mean", "var"), solver.result(p, state), strict=True)
    for name, leaf in made:
        require(leaf.dtype == torch.float32, f"{name} is {leaf.dtype}")


@check("solver")
def takes_latents_of_any_type(case: Case) -> None:
    """A solver must take a generator whose input is a dataclass of tensors, such as StyleGAN's:
    work leaf by leaf with `invprob.tree`, or `invprob.numerics`."""
    if "generator" not in case.entry.component.needs:
        raise Inapplicable("it needs no generator")
    run(case.make(), dataclasses.replace(problem(case), generator=toys.Parted().double()))
