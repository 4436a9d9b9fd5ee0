"""DAPS: sample x_0 given y and u_t, noise it to the next level, and so on.

    x̂ = the end of the probability-flow ODE from v_k,
    x ~ p(y | x) N(x; x̂, σ_k²),    v_{k+1} = x + σ_{k+1} ε

Zhang, Chu, Berner, Meng, Anandkumar, Song, Improving diffusion inverse problem solving with
decoupled noise annealing, 2024, arXiv:2407.01521. For linear operators with white noise the second
line is a normal distribution, drawn exactly: the data term of perturbed x̂ and y (Papandreou and
Yuille, 2010). For others it is drawn by Langevin steps from x̂, as in the paper, of a size in units
of 1/(1/σ_k² + L): a step of the size of σ_k² alone diverges where σ_k is above the noise of the
measurement. L is the largest curvature of −log p(y | x) that was met, found from differences of
gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor

from invprob import seeds, tree
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
        A, y = problem.operator, problem.y
        if (known := with_white_noise(A)) is not None:
            near = annealing.noised(problem, mean, sigma, "image", step)
            data = y + known[1] * seeds.normal_like(y, problem.keys, "data", step)
            return data_term.solve(A, data, near, sigma, 1)
        return self._langevin(problem, mean, sigma, step)

    def _langevin(self, problem: Problem, mean: Tensor, sigma: float, step: int) -> Tensor:
        """Langevin steps from the mean, in units of the least variance that was met on the way."""
        p, x = self.params, mean
        probe = 0.01 * sigma * seeds.normal_like(mean, problem.keys, "curvature", step)
        slope = self._slope(problem, mean)
        curvature = _curvature(self._slope(problem, mean + probe) - slope, probe)
        for k in range(p.steps):
            eta = p.step_size / (1 / sigma**2 + curvature)
            noise = seeds.normal_like(mean, problem.keys, "langevin", step, k)
            drift = slope - (x - mean) / sigma**2
            far = tree.per_element(eta, x) * drift + tree.per_element((2 * eta).sqrt(), x) * noise
            before, slope = slope, self._slope(problem, x + far)
            # the fall along an unstable direction shows its curvature, and the next steps are safe
            curvature = torch.maximum(curvature, _curvature(slope - before, far))
            x = x + far
        return x

    def _slope(self, problem: Problem, x: Tensor) -> Tensor:
        """∇ log p(y | x)."""
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            likely = problem.operator.log_likelihood(problem.y, leaf).sum()
            return torch.autograd.grad(likely, leaf)[0]


def _curvature(change: Tensor, far: Tensor) -> Tensor:
    """How fast a slope changes along a way, row by row, (N,)."""
    ratio: Tensor = change.flatten(1).norm(dim=1) / far.flatten(1).norm(dim=1).clamp_min(1e-12)
    return ratio
