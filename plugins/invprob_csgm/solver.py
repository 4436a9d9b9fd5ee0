"""CSGM: argmin_z −log p(y | G(z)) − λ log p(z), by Adam from several starts.

Bora, Jalal, Price, Dimakis, Compressed sensing using generative models, 2017, arXiv:1703.03208.
With Gaussian noise and prior this is the paper's ‖A G(z) − y‖² + λ‖z‖², each term in its own units.
The input z holds everything the generator reads, for StyleGAN-2 its noise maps too.

With `space=w` the search is over what the first stage with style codes gives, a code for each
layer, as Abdal, Qin, Wonka, Image2StyleGAN, 2019, arXiv:1904.03189, embed images. The latent is
then taken less its mean and in units of its spread under G, and so the prior sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.errors import Incompatible
from invprob.generator import Generator
from invprob.latents import roles, stages
from invprob.numerics import adam, early_stopping
from invprob.numerics.adam import Moments
from invprob.numerics.early_stopping import Plateau
from invprob.prior import LogDensity
from invprob.solver import Info, Problem, Progress, Result, Solver, State
from invprob.tree import X
from invprob_csgm.params import CSGMParams


@dataclass(frozen=True, kw_only=True)
class CSGMState(State):
    """N·R rows, the R restarts of a sample together; `image` is the best of each so far, with its
    `chi2` and `nll`, which older states lack.

    z is the latent in the units of the prior; `mean` and `spread` bring it back where it has any.
    """

    renamed: ClassVar = {"misfit": "chi2"}

    z: Any
    mean: Any = None
    spread: Any = None
    moments: Moments
    track: Plateau
    image: Tensor
    chi2: Tensor
    nll: Tensor | None = None


class CSGM(Solver[CSGMState]):
    """Point estimates of the input latent (Bora et al., 2017, arXiv:1703.03208)."""

    returns = "estimate"
    states = (CSGMState, Plateau)
    params_type = CSGMParams
    params: CSGMParams

    def stages(self, generator: Generator) -> tuple[int, ...]:
        return (0 if self.params.space == "z" else styles(generator),)

    def total(self, problem: Problem) -> int:
        return self.params.steps

    def init(self, problem: Problem) -> CSGMState:
        G, restarts = problem.generator, self.params.restarts
        (stage,) = self.stages(G)
        starts = [stages.draws(G, stage, problem.keys, "restart", r) for r in range(restarts)]
        x = _interleave(starts)
        image = G(x, start=stage)
        mean, spread = units(G, stage) if stage else (None, None)
        z = x if mean is None else tree.map(lambda a, m, s: (a - m) / s, x, mean, spread)
        return CSGMState(
            z=z,
            mean=mean,
            spread=spread,
            moments=adam.start(z),
            track=early_stopping.start(len(image), image.device),
            image=image,
            chi2=torch.full((len(image),), torch.inf, device=image.device),
        )

    def step(self, problem: Problem, state: CSGMState) -> Progress:
        p, G, A = self.params, problem.generator, problem.operator
        (stage,) = self.stages(G)
        prior = problem.prior(stage, LogDensity, "csgm")
        y = tree.repeat(problem.y, p.restarts)

        with torch.enable_grad():
            z = tree.variables(state.z)
            image = G(_latent(z, state.mean, state.spread), start=stage)
            clean = A(image)
            nll = -A.noise.log_prob(y, clean)
            loss = nll - p.weight * prior.log_density(z)
            grad = stages.gradient(loss, z)

        loss, nll, image = loss.detach(), nll.detach(), image.detach()
        better = loss < state.track.best
        least = nll if state.nll is None else torch.where(better, nll, state.nll)
        active = ~early_stopping.stalled(state.track, p.patience)
        lr = p.lr * stages.cosine_ramp((state.step + 1) / p.steps)
        moved, moments = adam.adam(state.z, grad, state.moments, lr)
        after = CSGMState(
            step=state.step + 1 if bool(active.any()) else p.steps,
            z=tree.where(active, moved, state.z),
            mean=state.mean,
            spread=state.spread,
            moments=moments,
            track=early_stopping.update(state.track, loss),
            image=torch.where(tree.per_element(better, image), image, state.image),
            chi2=torch.where(better, A.noise.chi2(y, clean.detach()), state.chi2),
            nll=least,
        )
        metrics = {"chi2": self._pick(after, after.chi2), "nll": self._pick(after, least)}
        return Progress(after, Info(self._pick(after, after.image), stage, metrics))

    def result(self, problem: Problem, state: CSGMState) -> Result:
        image = self._pick(state, state.image)
        return Result(image, image, torch.zeros_like(image))

    def _pick(self, state: CSGMState, values: Tensor) -> Tensor:
        """The values of each sample's best restart."""
        best = state.track.best.reshape(-1, self.params.restarts).argmin(1)
        rows = torch.arange(len(best), device=best.device) * self.params.restarts + best
        return values[rows]


def styles(generator: Generator) -> int:
    """Find the first stage whose latent holds style codes.

    Args:
        generator: The generator.

    Returns:
        The stage, from 1 to depth − 1.

    Raises:
        Incompatible: If no latent of it holds any.
    """
    x = generator.sample(1, seeds.stream("styles"))
    for k in range(1, generator.depth):
        x = generator.stage(k, x)  # not a pass of the whole network
        # what is a bare tensor does not say that it holds codes
        if not isinstance(x, Tensor) and "codes" in roles.of_leaves(x):
            return k
    raise Incompatible(
        f"csgm:space=w needs style codes, and {type(generator).__name__} has none", "use space=z"
    )


def units(generator: Generator, stage: int) -> tuple[Any, Any]:
    """Mean and spread of a latent; those of noise maps, which are standard normal, are 0 and 1.

    Args:
        generator: The generator.
        stage: The stage of the latent.

    Returns:
        Two trees of batch 1 that broadcast over latents.
    """
    mean, spread = stages.moments(generator, stage)

    def known(role: str, value: Tensor, standard: float) -> Tensor:
        return torch.full_like(value, standard) if role in ("input", "noise") else value

    return (
        roles.map(lambda role, leaf: known(role, leaf, 0.0), mean),
        roles.map(lambda role, leaf: known(role, leaf, 1.0), spread),
    )


def _latent(z: X, mean: X | None, spread: X | None) -> X:
    if mean is None or spread is None:
        return z
    return tree.map(lambda leaf, m, s: leaf * s + m, z, mean, spread)


def _interleave(trees: list[X]) -> X:
    """Row n of each tree, then row n + 1 of each: (R trees of N rows) → N·R rows."""
    return tree.map(lambda *leaves: torch.stack(leaves, 1).flatten(0, 1), trees[0], *trees[1:])
