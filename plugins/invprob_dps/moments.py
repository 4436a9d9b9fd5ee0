"""Guidance by matched moments: the posterior mean of the image at every step of the way back.

    E[u_0 | u_t, y] ≈ û_0 + C Aᵀ (Σ + A C Aᵀ)⁻¹ (y − A û_0),    C ≈ Cov[u_0 | u_t]

It is exact where p(u_0 | u_t) is the normal distribution N(û_0, C), and there is no step size.
`mmps` takes C = (σ²/α) ∂û_0/∂u_t, Tweedie's second moment (Rozet, Andry, Lanusse, Louppe, Learning
diffusion priors from observations by expectation maximization, 2024, arXiv:2405.13712). `pigdm`
takes C = σ²/(σ² + α²) on the right and Tweedie's on the left (Song, Vahdat, Mardani, Kautz,
Pseudoinverse-guided diffusion models for inverse problems, 2023). Their systems are solved by
conjugate gradients in the space of the measurement. The steps between are of second order, so that
the spread of the samples is right too where the means are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from invprob import seeds
from invprob.diffusion import levels
from invprob.diffusion.samplers import rows
from invprob.errors import Incompatible
from invprob.generator import Generator
from invprob.numerics import linalg
from invprob.operator import LinearOperator
from invprob.prior import Denoiser
from invprob.solver import Info, Problem, Progress, Result, Solver, on_images
from invprob_dps import multistep
from invprob_dps.params import MomentMatchingParams
from invprob_dps.solver import DPSState, visited

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class MomentState(DPSState):
    """And û_0 of the newest step, in the prior's units, (N, C, H, W), and what its system gave,
    with which the next one begins, of the measurement's shape."""

    clean: Tensor
    dual: Tensor


class MMPS(Solver[MomentState]):
    """Approximate posterior samples by matched moments (Rozet et al., 2024, arXiv:2405.13712)."""

    returns = "sample"
    states = (MomentState,)
    params_type = MomentMatchingParams
    params: MomentMatchingParams

    @property
    def bias(self) -> float:
        return 0.35  # none on normal distributions; between atoms, docs/explanation/validity.md

    def validate(self, generator: Generator) -> None:
        on_images(type(self).__name__.lower(), generator)

    def total(self, problem: Problem) -> int:
        return self.params.steps

    def init(self, problem: Problem) -> MomentState:
        if not isinstance(problem.operator, LinearOperator):
            raise Incompatible(
                f"{type(self).__name__.lower()} needs a linear operator",
                f"{type(problem.operator).__name__} is not; --solver dps takes any",
            )
        prior = self._prior(problem)
        shape = (len(problem.keys), *problem.generator.image_shape)
        u = seeds.normal(shape, problem.keys, "start").to(problem.y)
        first = self._times(prior, u)[0]
        alpha, sigma = (v[:, None, None, None] for v in prior.schedule(rows(first, u)))
        grey = torch.full_like(u, 0.5)
        clean = prior.normalise(grey)
        return MomentState(
            u=sigma * u + alpha * clean, image=grey, clean=clean, dual=torch.zeros_like(problem.y)
        )

    def step(self, problem: Problem, state: MomentState) -> Progress:
        p, A, prior = self.params, problem.operator, self._prior(problem)
        past, now, then = self._steps(prior, state.u)[state.step]
        assert isinstance(A, LinearOperator)
        t = rows(now, state.u)
        alpha, sigma = (v[:, None, None, None] for v in prior.schedule(t))

        with torch.enable_grad():
            u = state.u.detach().requires_grad_()
            clean = prior.denoise(u, t)
            image = prior.restore(clean)

        def spread(w: Tensor) -> Tensor:
            """C w for a gradient w with respect to the image, in the units of u_0."""
            (back,) = torch.autograd.grad(image, u, w, retain_graph=True)
            return sigma**2 / alpha * back

        slope = levels.slope(prior, u.detach())
        variance = A.noise.scale(problem.y).square()

        def system(v: Tensor) -> Tensor:
            w = self.covariance(A.adjoint(v), spread, alpha, sigma, slope)
            seen: Tensor = A(w / slope)
            return variance * v + seen

        r = problem.y - A(image.detach())
        v = linalg.conjugate_gradients(system, r, state.dual, steps=p.inner, rtol=1e-3)
        clean = clean.detach() + spread(A.adjoint(v))
        image = prior.restore(clean)
        xi = seeds.normal_like(u.detach(), problem.keys, "noise", state.step)
        guided = (state.clean, clean)
        u = multistep.advance(prior, state.u, guided, (past, now, then), p.eta, xi)
        after = MomentState(step=state.step + 1, u=u, image=image, clean=clean, dual=v)
        return Progress(after, Info(image, 0, {"chi2": A.chi2(problem.y, image)}))

    def result(self, problem: Problem, state: MomentState) -> Result:
        done = state.step >= self.params.steps
        image = self._prior(problem).restore(state.u) if done else state.image
        return Result(image, image, torch.zeros_like(image))

    def covariance(
        self, w: Tensor, spread: Map, alpha: Tensor, sigma: Tensor, slope: float
    ) -> Tensor:
        """C for the system that is solved, applied to a gradient.

        Args:
            w: A gradient with respect to the image, (N, C, H, W).
            spread: Tweedie's C, applied to such a gradient, in the units of u_0.
            alpha: α_t, (N, 1, 1, 1).
            sigma: σ_t, (N, 1, 1, 1).
            slope: How many of the units of u_0 are one of [0, 1].

        Returns:
            C w in the units of u_0, (N, C, H, W).
        """
        return spread(w)

    def _prior(self, problem: Problem) -> Denoiser[Tensor]:
        prior: Denoiser[Tensor] = problem.prior(0, Denoiser, type(self).__name__.lower())
        return prior

    def _times(self, prior: Denoiser[Tensor], like: Tensor) -> list[float]:
        p = self.params
        if p.spacing == "logarithmic":
            return multistep.times(prior, p.steps, like)
        return visited(prior.t_min, p.steps, p.spacing)

    def _steps(
        self, prior: Denoiser[Tensor], like: Tensor
    ) -> list[tuple[float | None, float, float]]:
        """(the time before, from, to) of every step."""
        times = self._times(prior, like)
        return list(zip([None, *times[:-1]], times, [*times[1:], 0.0], strict=True))


class PiGDM(MMPS):
    """Approximate posterior samples, pseudoinverse-guided (Song et al., ICLR 2023)."""

    @property
    def bias(self) -> float:
        return 0.6  # docs/explanation/validity.md

    def covariance(
        self, w: Tensor, spread: Map, alpha: Tensor, sigma: Tensor, slope: float
    ) -> Tensor:
        """C = σ²/(σ² + α²) in place of the Jacobian's, applied to a gradient.

        Args:
            w: A gradient with respect to the image, (N, C, H, W).
            spread: Tweedie's C, unused.
            alpha: α_t, (N, 1, 1, 1).
            sigma: σ_t, (N, 1, 1, 1).
            slope: How many of the units of u_0 are one of [0, 1].

        Returns:
            C w in the units of u_0, (N, C, H, W).
        """
        return sigma**2 / (sigma**2 + alpha**2) * w / slope
