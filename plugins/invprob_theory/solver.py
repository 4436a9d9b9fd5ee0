"""Gradient descent on the input of a generator, with a sign check before every step.

Huang, Hand, Heckel, Voroninski, A provably convergent scheme for compressive sensing under random
generative priors, 2018, arXiv:1812.04176: if ½‖A G(−z) − y‖² is below ½‖A G(z) − y‖², take −z for
z; then z ← z − η ∇ ½‖A G(z) − y‖². The negative side of the truth holds the only other stationary
points of a wide random network, and the check leaves it. The noise is not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from invprob import tree
from invprob.generator import Generator
from invprob.latents import stages
from invprob.solver import Info, Problem, Progress, Result, Solver, State
from invprob_theory.params import SignDescentParams


@dataclass(frozen=True, kw_only=True)
class SignDescentState(State):
    """The input z of every row."""

    z: Any


class SignDescent(Solver[SignDescentState]):
    """A point estimate of the input latent (Huang et al., 2018, arXiv:1812.04176)."""

    returns = "estimate"
    states = (SignDescentState,)
    params_type = SignDescentParams
    params: SignDescentParams

    def stages(self, generator: Generator) -> tuple[int, ...]:
        return (0,)

    def total(self, problem: Problem) -> int:
        return self.params.steps

    def init(self, problem: Problem) -> SignDescentState:
        return SignDescentState(z=stages.draws(problem.generator, 0, problem.keys, "start"))

    def step(self, problem: Problem, state: SignDescentState) -> Progress:
        p, A = self.params, problem.operator
        z, rows = state.z, len(problem.keys)
        flipped = torch.zeros(rows, dtype=torch.bool, device=problem.y.device)
        if p.flip:
            z, flipped = signed(problem, z)
        with torch.enable_grad():
            leaf = tree.variables(z)
            image = problem.generator(leaf)
            clean = A(image)
            loss = half_square(clean - problem.y)
            slope = stages.gradient(loss, leaf)
        moved = tree.map(lambda v, g: v - p.step_size * g, z, slope)
        metrics = {
            "chi2": A.noise.chi2(problem.y, clean.detach()),
            "loss": loss.detach(),
            "flipped": flipped.to(loss),
        }
        after = SignDescentState(step=state.step + 1, z=moved)
        return Progress(after, Info(image.detach(), 0, metrics))

    def result(self, problem: Problem, state: SignDescentState) -> Result:
        image = problem.generator(state.z)
        return Result(image, image, torch.zeros_like(image))


def objective(problem: Problem, z: Any) -> Tensor:
    """Compute f(z) = ½‖A G(z) − y‖².

    Args:
        problem: Measurement, operator and generator of N rows.
        z: Inputs of the generator, N rows.

    Returns:
        f of every row, (N,).
    """
    return half_square(problem.operator(problem.generator(z)) - problem.y)


def signed(problem: Problem, z: Any) -> tuple[Any, Tensor]:
    """Take −z for z where f(−z) < f(z).

    Args:
        problem: Measurement, operator and generator of N rows.
        z: Inputs of the generator, N rows.

    Returns:
        The inputs with the better sign, and the rows (N,) in which it has changed.
    """
    opposite = tree.map(torch.neg, z)
    better = objective(problem, opposite) < objective(problem, z)
    return tree.where(better, opposite, z), better


def half_square(residual: Tensor) -> Tensor:
    """Compute ½‖r‖² of every row (N, …)."""
    return 0.5 * residual.square().flatten(1).sum(1)
