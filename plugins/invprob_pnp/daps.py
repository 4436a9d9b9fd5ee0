"""DAPS: sample x_0 given y and u_t, noise it to the next level, and so on.

    x̂ = the end of the probability-flow ODE from v_k,
    x ~ p(y | x) N(x; x̂, σ_k²),    v_{k+1} = x + σ_{k+1} ε

Zhang, Chu, Berner, Meng, Anandkumar, Song, Improving diffusion inverse problem solving with
decoupled noise annealing, 2024, arXiv:2407.01521. For linear operators with white noise the second
line is a normal distribution, drawn exactly: the data term of perturbed x̂ and y (Papandreou and
Yuille, 2010). For others it is drawn by Langevin steps from x̂, as in the paper.
"""

from __future__ import annotations

import torch
from torch import Tensor

from invprob import seeds
from invprob.diffusion import levels
from invprob.operator import with_white_noise
from invprob.prior import Denoiser
from invprob.solver import Info, Problem, Progress
from invprob_pnp import annealing, data_term
from invprob_pnp.annealing import Annealed, AnnealedState
from invprob_pnp.params import DAPSParams


class DAPS(Annealed):
    """Approximate posterior samples (Zhang et al., 2024, arXiv:2407.01521)."""

    params_type = DAPSParams
    params: DAPSParams

    def total(self, problem: Problem) -> int:
        return self.params.levels

    def init(self, problem: Problem) -> AnnealedState:
        return self.begin(problem, self.params.start)

    def step(self, problem: Problem, state: AnnealedState) -> Progress:
        p, A = self.params, problem.operator
        sigmas = [*annealing.geometric(p.start, p.end, p.levels), 0.0]
        now, then = sigmas[state.step], sigmas[state.step + 1]
        x = self._draw(problem, self._flow(problem, state.v, now), now, state.step)
        v = annealing.noised(problem, x, then, "noise", state.step)
        after = AnnealedState(step=state.step + 1, v=v, image=x)
        return Progress(after, Info(x, 0, {"chi2": A.chi2(problem.y, x)}))

    def _flow(self, problem: Problem, v: Tensor, sigma: float) -> Tensor:
        """The ODE dv/dσ = (v − D(v, σ))/σ from σ to the last level, and the denoiser there."""
        prior: Denoiser[Tensor] = problem.prior(0, Denoiser, "daps")
        steps = annealing.geometric(sigma, self.params.end, self.params.ode_steps)
        for now, then in zip(steps, [*steps[1:], 0.0], strict=True):
            clean = levels.denoised(prior, v, now)
            v = clean + then / now * (v - clean)
        return v

    def _draw(self, problem: Problem, mean: Tensor, sigma: float, step: int) -> Tensor:
        """x ~ p(y | x) N(x; mean, σ²)."""
        p, A, y = self.params, problem.operator, problem.y
        if (known := with_white_noise(A)) is not None:
            near = annealing.noised(problem, mean, sigma, "image", step)
            data = y + known[1] * seeds.normal_like(y, problem.keys, "data", step)
            return data_term.solve(A, data, near, sigma, 1)
        x, eta = mean, p.step_size * sigma**2
        for k in range(p.steps):
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                (slope,) = torch.autograd.grad(A.log_likelihood(y, x).sum(), x)
            drift = slope - (x.detach() - mean) / sigma**2
            noise = seeds.normal_like(mean, problem.keys, "langevin", step, k)
            x = x.detach() + eta * drift + (2 * eta) ** 0.5 * noise
        return x
