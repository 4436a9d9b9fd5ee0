"""The exact posterior of an image under a Gaussian prior, a linear operator and Gaussian noise.

It is Gaussian again: its mean and variance are computed once, and every step is an independent
draw. It is the linear estimate of least mean squared error that anyone has for free, and the
reference for samplers where the prior is a Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from invprob import tree
from invprob.gaussian import conditioning
from invprob.generator import Generator
from invprob.prior import LogDensity
from invprob.solver import Info, Problem, Progress, Result, Solver, State, on_images
from invprob_classical import linear, quadratic
from invprob_classical.gaussian_images import GaussianImages
from invprob_classical.params import GaussianPosteriorParams


@dataclass(frozen=True, kw_only=True)
class GaussianState(State):
    """The posterior's mean (B, C, H, W), variance (C, H, W) and square root; the last draw."""

    mean: Tensor
    variance: Tensor
    spread: Tensor
    rest: Tensor
    image: Tensor


class GaussianPosterior(Solver[GaussianState]):
    """Independent samples of a Gaussian posterior, with its exact mean and variance.

    The prior has a quadratic log density, and images of a prior other than `gaussian-images` have
    at most 1,024 values.
    """

    returns = "sample"
    states = (GaussianState,)
    params_type = GaussianPosteriorParams
    params: GaussianPosteriorParams

    def validate(self, generator: Generator) -> None:
        on_images("gaussian", generator)

    def total(self, problem: Problem) -> int:
        return self.params.draws

    def init(self, problem: Problem) -> GaussianState:
        A, sigma = linear.with_white_noise(problem, "gaussian")
        prior = problem.prior(0, LogDensity, "gaussian")
        if isinstance(prior, GaussianImages):
            found = prior.factors
        else:
            found = quadratic.of_density(prior, problem.generator.image_shape)
        known = conditioning.condition(found.to(problem.y), A, sigma)
        mean = known.mean(problem.measurements)
        return GaussianState(
            mean=mean,
            variance=known.variance(),
            spread=known.spread,
            rest=known.prior.rest,
            image=tree.repeat(mean, problem.num_samples),
        )

    def step(self, problem: Problem, state: GaussianState) -> Progress:
        A, sigma = linear.with_white_noise(problem, "gaussian")
        gap = conditioning.draw(A, state.rest, sigma, state.spread, problem.keys, state.step)
        image = tree.repeat(state.mean, problem.num_samples) + gap
        after = replace(state, step=state.step + 1, image=image)
        metrics = {"chi2": A.chi2(problem.y, image)}
        return Progress(after, Info(image, 0, metrics, draw=True, latent=image))

    def result(self, problem: Problem, state: GaussianState) -> Result:
        mean = tree.repeat(state.mean, problem.num_samples)
        return Result(state.image, mean, state.variance.expand_as(mean))
