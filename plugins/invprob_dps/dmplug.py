"""DMPlug: argmin_z −log p(y | G(z)) for a diffusion model as a generator, by Adam with early stop.

Wang, Zhang, Li, Wan, Chen, Sun, DMPlug: a plug-in method for solving inverse problems with
diffusion models, 2024, arXiv:2405.16749. There is no penalty on z: the image stays one of the model
because z is its seed, and noise is not fitted because the descent ends where the images are
steadiest. That is the least moving variance of the images along the descent, of Wang, Li, Zhuang,
Chen, Liang, Sun, Early stopping for deep image prior, 2021, arXiv:2112.06074, in the form with
exponential weights:

    v ← (1 − a) (v + a ‖x − m‖²),    m ← (1 − a) m + a x
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from invprob import tree
from invprob.generator import Generator
from invprob.latents import stages
from invprob.numerics import adam, early_stopping
from invprob.numerics.adam import Moments
from invprob.numerics.early_stopping import Plateau
from invprob.solver import Info, Problem, Progress, Result, Solver, State
from invprob.tree import Tree
from invprob_dps.ddim_params import DMPlugParams


@dataclass(frozen=True, kw_only=True)
class DMPlugState(State):
    """The seed z, mean and variance of the images of late, and the image that counts so far.

    `track` watches the variance, or −log p(y | x) where no early stop is asked for.
    """

    z: Tree
    moments: Moments
    mean: Tensor
    variance: Tensor
    track: Plateau
    resting: Tensor
    image: Tensor


class DMPlug(Solver[DMPlugState]):
    """Point estimates of the seed (Wang et al., 2024, arXiv:2405.16749)."""

    returns = "estimate"
    states = (DMPlugState, Plateau)
    params_type = DMPlugParams
    params: DMPlugParams

    def stages(self, generator: Generator) -> tuple[int, ...]:
        return ()

    def total(self, problem: Problem) -> int:
        return self.params.steps

    def init(self, problem: Problem) -> DMPlugState:
        z = stages.draws(problem.generator, 0, problem.keys, "start")
        image = problem.generator(z)
        none = torch.zeros_like(image.flatten(1)[:, 0])
        return DMPlugState(
            z=z,
            moments=adam.start(z),
            mean=image,
            variance=none,
            track=early_stopping.start(len(none), none.device),
            resting=none > 0,
            image=image,
        )

    def step(self, problem: Problem, state: DMPlugState) -> Progress:
        p, A = self.params, problem.operator
        with torch.enable_grad():
            z = tree.variables(state.z)
            image = problem.generator(z)
            clean = A(image)
            nll = -A.noise.log_prob(problem.y, clean)
            slope = stages.gradient(nll, z)
        image, nll = image.detach(), nll.detach()
        chi2 = A.noise.chi2(problem.y, clean.detach())

        far = (image - state.mean).square().flatten(1).mean(1)
        variance = (1 - p.memory) * (state.variance + p.memory * far)
        # a mean that has not seen as many images as it remembers says nothing yet
        early = p.patience > 0 and state.step < 1 / p.memory
        watched = nll if p.patience == 0 else variance
        if early:
            watched = torch.full_like(nll, torch.inf)
        better = (watched < state.track.best) | early
        track = early_stopping.update(state.track, watched, 0.0)
        fits = early_stopping.fitted(chi2, p.fitted)
        stops = fits if early else fits | early_stopping.stalled(track, p.patience)
        resting = state.resting | stops
        counts = ~state.resting & (better | fits)
        moved, moments = adam.adam(state.z, slope, state.moments, p.lr)
        after = DMPlugState(
            step=p.steps if bool(resting.all()) else state.step + 1,
            z=tree.where(resting, state.z, moved),
            moments=moments,
            mean=state.mean + p.memory * (image - state.mean),
            variance=variance,
            track=track,
            resting=resting,
            image=torch.where(tree.per_element(counts, image), image, state.image),
        )
        return Progress(after, Info(after.image, 0, {"chi2": chi2, "nll": nll}))

    def result(self, problem: Problem, state: DMPlugState) -> Result:
        return Result(state.image, state.image, torch.zeros_like(state.image))
