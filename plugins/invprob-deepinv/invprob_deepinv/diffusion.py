"""Samples by the reverse diffusions of deepinv, one step of its solver a step.

The state u is in deepinv's units, images in [−1, 1] times the scale of the diffusion at its time.
Each row has the noise of its own key. The first step is at the noise level `start` and not at the
end of deepinv's schedule, so that a denoiser is not asked for levels that it does not know.
deepinv runs denoisers in single precision, whatever the measurement has.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from invprob import seeds
from invprob.errors import Incompatible
from invprob.operator import with_white_noise
from invprob.solver import Info, Problem, Progress, Result, State
from invprob_deepinv.denoising import denoiser
from invprob_deepinv.image_solver import ImageSolver
from invprob_deepinv.library import deepinv
from invprob_deepinv.solver_params import DiffusionParams, DPSParams, InnerParams

HALVINGS = 50
LAST = 1e-3
"""The last time of discretisations that divide by the time."""


@dataclass(frozen=True, kw_only=True)
class DiffusionState(State):
    """u_t and its images, each (N, C, H, W)."""

    u: Tensor
    image: Tensor


class Diffusion(ImageSolver):
    """Approximate posterior samples of an image; a subclass has the data term."""

    returns = "sample"
    states = (DiffusionState,)

    @property
    def bias(self) -> float:
        return 1.5

    def init(self, problem: Problem) -> DiffusionState:
        shape = (len(problem.keys), *problem.generator.image_shape)
        sde = self.sde()
        time = self.times(sde)[0]
        noise = seeds.normal(shape, problem.keys, "start").to(problem.y)
        u = noise * float(sde.scale_t(time) * sde.sigma_t(time))
        return DiffusionState(u=u, image=torch.full_like(u, 0.5))

    def step(self, problem: Problem, state: DiffusionState) -> Progress:
        sampling, sde = deepinv().sampling, self.sde()
        times = self.times(sde)
        now, then = times[state.step], times[state.step + 1]
        steppers = {
            "ddpm": sampling.DDPMSolver,
            "ddim": sampling.DDIMSolver,
            "euler": sampling.EulerSolver,
            "heun": sampling.HeunSolver,
        }
        stepper = steppers[self.params.sampler](timesteps=times)
        stepper.randn_like = lambda x: seeds.normal_like(x, problem.keys, "noise", state.step)
        posterior = sampling.PosteriorDiffusion(
            data_fidelity=self.data_term(),
            denoiser=Network(denoiser(problem, self.name)),
            sde=sde,
            solver=stepper,
        ).posterior
        start = state.u.to(torch.float64)
        moved, _ = stepper.step(
            posterior, now, then, start, y=problem.y, physics=self.physics(problem)
        )
        u = moved.detach().to(state.u)
        image = (u / float(sde.scale_t(then)) + 1) / 2
        after = DiffusionState(step=state.step + 1, u=u, image=image)
        chi2 = problem.operator.chi2(problem.y, image)
        return Progress(after, Info(image, 0, {"chi2": chi2}))

    def result(self, problem: Problem, state: DiffusionState) -> Result:
        return Result(state.image, state.image, torch.zeros_like(state.image))

    @abstractmethod
    def data_term(self) -> Any:
        """Make what deepinv calls the data fidelity.

        Returns:
            Something with the gradient of −log p(y | x_t).
        """

    def sde(self) -> Any:
        """Make the diffusion.

        Returns:
            The diffusion of deepinv, which draws noise along the whole way.
        """
        sampling = deepinv().sampling
        kinds = {
            "vp": sampling.VariancePreservingDiffusion,
            "ve": sampling.VarianceExplodingDiffusion,
        }
        return kinds[self.params.sde](alpha=1.0)

    def times(self, sde: Any) -> Tensor:
        """The times of the steps, evenly from that of the level `start`.

        Args:
            sde: The diffusion.

        Returns:
            Falling times, one more than there are steps.
        """
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            # twice, since deepinv's images are in [−1, 1]
            below = float(sde.sigma_t(middle)) < 2 * self.params.start
            low, high = (middle, high) if below else (low, middle)
        last = 0.0 if self.params.sampler in ("ddpm", "ddim") else LAST
        return torch.linspace(high, last, self.params.steps + 1, dtype=torch.float64)

    def physics(self, problem: Problem) -> Any:
        """The operator and the noise of the problem, as deepinv takes them.

        Args:
            problem: The problem.

        Returns:
            A physics that is linear and has a noise.

        Raises:
            Incompatible: If the operator is not linear, or its noise not Gaussian.
        """
        A, sigma = self.linear(problem)
        physics = deepinv().physics
        return physics.LinearPhysics(
            A=lambda x, **_: A(x.to(problem.y)),
            A_adjoint=lambda y, **_: A.adjoint(y.to(problem.y)),
            noise_model=physics.GaussianNoise(sigma),
        )


class DPS(Diffusion):
    """Diffusion posterior sampling (Chung et al., 2023, arXiv:2209.14687), by deepinv."""

    params_type = DPSParams
    params: DPSParams

    def data_term(self) -> Any:
        p = self.params
        return deepinv().sampling.DPSDataFidelity(weight=p.weight, guidance=p.guidance)

    def physics(self, problem: Problem) -> Any:
        A, physics = problem.operator, deepinv().physics
        found = with_white_noise(A)
        if found is None and self.params.guidance == "annealed":
            raise Incompatible(
                f"{self.name} with guidance=annealed needs a linear operator with Gaussian noise",
                "write deepinv-dps:guidance=norm,weight=100",
            )
        noise = {} if found is None else {"noise_model": physics.GaussianNoise(found[1])}
        return physics.Physics(A=lambda x, **_: A(x.to(problem.y)), **noise)


class Inner(Diffusion):
    """A data term with a linear system; a subclass names the data fidelity of deepinv."""

    params_type = InnerParams
    params: InnerParams
    fidelity: ClassVar[str]

    def data_term(self) -> Any:
        p = self.params
        make = getattr(deepinv().sampling, self.fidelity)
        # a tolerance would be one of the whole batch
        return make(weight=p.weight, cg_max_iter=p.inner, cg_tol=0.0)


class PiGDM(Inner):
    """Pseudo-inverse guided diffusion (Song et al., 2023), by deepinv."""

    fidelity = "PiGDMDataFidelity"


class Moment(Inner):
    """Moment matching posterior sampling (Rozet et al., 2024, arXiv:2405.13712), by deepinv."""

    fidelity = "MomentMatchingDataFidelity"


class ALD(Diffusion):
    """Score-based annealed data term (Jalal et al., 2021, arXiv:2108.01368), by deepinv."""

    params_type = DiffusionParams
    params: DiffusionParams

    def data_term(self) -> Any:
        return deepinv().sampling.ALDDataFidelity(weight=self.params.weight)


class Network(torch.nn.Module):
    """A denoiser as a module, which deepinv asks for.

    Args:
        denoise: The function of images in [0, 1] and their noise level.
    """

    def __init__(self, denoise: Any) -> None:
        super().__init__()
        self.denoise = denoise

    def forward(self, x: Tensor, sigma: Any, **_: Any) -> Tensor:
        denoised: Tensor = self.denoise(x, sigma)
        return denoised
