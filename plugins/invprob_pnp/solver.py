"""Plug-and-play by half-quadratic splitting, with falling noise levels and momentum.

    x_k = argmin_x −log p(y | x) + λ ‖x − v_{k−1}‖²/(2 σ_k²)
    z_k = D(x_k, σ_k),    v_k = z_k + β (z_k − z_{k−1})

Zhang, Li, Zuo, Zhang, Van Gool, Timofte, Plug-and-play image restoration with deep denoiser prior,
2021, arXiv:2008.13751; σ_k falls from `start` to the noise of the measurement by equal factors.
They have β = 0. What a hole or a random projection leaves open fills in from step to step, and to
go on in the same direction takes half of the steps (Nesterov, 1983; Beck and Teboulle, 2009; with
denoisers: Kamilov, Mansour, Wohlberg, 2017). The fixed points are the same.
Of what a sensor rounds, that is the noise before it: within the step all images explain y alike, so
the data term leaves z as it is, and each denoiser at the level of the step would smooth it further.
Nothing is drawn, so the samples of a measurement are one image, which is computed once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from invprob import tree
from invprob.diffusion import levels
from invprob.generator import Generator
from invprob.prior import Denoiser
from invprob.solver import Info, Problem, Progress, Result, Solver, State, on_images
from invprob_pnp import annealing, data_term
from invprob_pnp.params import PnPParams

LEAST = 0.005
"""The last level of a measurement without noise, in units of [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class PnPState(State):
    """Images of B measurements, (B, C, H, W).

    Attributes:
        z: z_k, the newest denoised ones.
        v: v_k, where the next step begins; None: at z_k.
    """

    z: Tensor
    v: Tensor | None = None


class PnP(Solver):
    """A restored image by plug-and-play (Zhang et al., 2021, arXiv:2008.13751)."""

    returns = "estimate"
    states = (PnPState,)
    params_type = PnPParams
    params: PnPParams

    def validate(self, generator: Generator) -> None:
        on_images("pnp", generator)

    def total(self, problem: Problem) -> int:
        return self.params.steps

    def init(self, problem: Problem) -> PnPState:
        return PnPState(z=data_term.smooth(problem.operator, problem.measurements))

    def step(self, problem: Problem, state: PnPState) -> Progress:
        p, A, y = self.params, problem.operator, problem.measurements
        sigma = self.sigmas(problem)[state.step]
        v = state.z if state.v is None else state.v
        x = data_term.solve(A, y, v, sigma / p.weight**0.5, p.inner)
        z = levels.denoised(self._prior(problem), x, sigma)
        # what the first guess becomes is no change of the same kind
        ahead = z + p.momentum * (z - state.z) if p.momentum and state.step else None
        image, chi2 = (tree.repeat(v, problem.num_samples) for v in (z, A.chi2(y, z)))
        return Progress(PnPState(step=state.step + 1, z=z, v=ahead), Info(image, 0, {"chi2": chi2}))

    def result(self, problem: Problem, state: PnPState) -> Result:
        image = tree.repeat(state.z, problem.num_samples)
        return Result(image, image, torch.zeros_like(image))

    def sigmas(self, problem: Problem) -> Tensor:
        """Choose the noise levels of each measurement, which fall by equal factors.

        Args:
            problem: The problem, whose noise gives the last level.

        Returns:
            One level a step and measurement, (steps, B), in units of [0, 1], on the CPU.
        """
        p, y = self.params, problem.measurements
        if p.end is None:
            noise = problem.operator.noise.edge_scale(y).flatten(1).median(1).values
            ends = [max(level, LEAST) for level in noise.tolist()]
        else:
            ends = [p.end] * len(y)
        falls = [annealing.geometric(p.start, end, p.steps) for end in ends]
        return torch.tensor(falls, dtype=torch.float64, device="cpu").T

    def _prior(self, problem: Problem) -> Denoiser[Tensor]:
        prior: Denoiser[Tensor] = problem.prior(0, Denoiser, "pnp")
        return prior
