"""DiffPIR: the data term on the denoised image, on the way back through a diffusion.

    x̂ = D(v_k, σ_k),    x = argmin −log p(y | x) + λ ‖x − x̂‖²/(2 σ_k²),
    v_{k+1} = x + σ_{k+1} (√(1 − ζ) (v_k − x)/σ_k + √ζ ε)

Zhu, Zhang, Liang, Cao, Wen, Timofte, Van Gool, Denoising diffusion models for plug-and-play image
restoration, 2023, arXiv:2305.08995. v = u_t/α_t in the units of images, so that σ is σ_t/α_t.
"""

from __future__ import annotations

from torch import Tensor

from invprob import seeds
from invprob.diffusion import levels
from invprob.prior import Denoiser
from invprob.solver import Info, Problem, Progress
from invprob_pnp import annealing, data_term
from invprob_pnp.annealing import Annealed, AnnealedState
from invprob_pnp.params import DiffPIRParams


class DiffPIR(Annealed):
    """Approximate posterior samples (Zhu et al., 2023, arXiv:2305.08995)."""

    params_type = DiffPIRParams
    params: DiffPIRParams

    def total(self, problem: Problem) -> int:
        return self.params.steps

    def init(self, problem: Problem) -> AnnealedState:
        return self.begin(problem, self.params.start)

    def step(self, problem: Problem, state: AnnealedState) -> Progress:
        p, A = self.params, problem.operator
        prior: Denoiser[Tensor] = problem.prior(0, Denoiser, "diffpir")
        sigmas = [*annealing.geometric(p.start, p.end, p.steps), 0.0]
        now, then = sigmas[state.step], sigmas[state.step + 1]
        clean = levels.denoised(prior, state.v, now)
        x = data_term.solve(A, problem.y, clean, now / p.weight**0.5, p.inner)
        fresh = seeds.normal_like(x, problem.keys, "noise", state.step)
        noise = (1 - p.zeta) ** 0.5 * (state.v - x) / now + p.zeta**0.5 * fresh
        after = AnnealedState(step=state.step + 1, v=x + then * noise, image=x)
        return Progress(after, Info(x, 0, {"chi2": A.chi2(problem.y, x)}))
