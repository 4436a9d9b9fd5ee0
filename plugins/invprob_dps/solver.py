"""DPS: ancestral sampling of a pixel diffusion, with a gradient of the data term at every step.

    u_{s} = u'_{s} − ζ/‖r‖ ∇_{u_t} ‖r‖²,    r = y − A(û_0(u_t)),    u'_{s} ~ p(u_s | u_t, û_0)

Chung, Kim, McCann, Klasky, Ye, Diffusion posterior sampling for general noisy inverse problems,
2023, arXiv:2209.14687. The released code steps along ζ ∇‖r‖ instead; as ∇‖r‖² = 2‖r‖∇‖r‖, its ζ is
twice the paper's. Entries of r count by their precision over the mean precision, which is the
paper's weight 1/y of Poisson noise and nothing for Gaussian noise. Images of the papers are in
[−1, 1], so r is taken twice, and ζ means here what it means there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from invprob import seeds
from invprob.diffusion.samplers import rows
from invprob.errors import BadParams
from invprob.generator import Generator
from invprob.operator import Operator
from invprob.prior import Denoiser
from invprob.solver import Info, Problem, Progress, Result, Solver, State, on_images
from invprob_dps.params import DPSParams


@dataclass(frozen=True, kw_only=True)
class DPSState(State):
    """u_t (N, C, H, W) in the prior's units, and the newest denoised image."""

    u: Tensor
    image: Tensor


class DPS(Solver[DPSState]):
    """Approximate posterior samples of an image (Chung et al., 2023, arXiv:2209.14687)."""

    returns = "sample"
    states = (DPSState,)
    params_type = DPSParams
    params: DPSParams

    @property
    def bias(self) -> float:
        return 1.5  # docs/explanation/validity.md

    def validate(self, generator: Generator) -> None:
        on_images("dps", generator)

    def stages(self, generator: Generator) -> tuple[int, ...]:
        return (0,)

    def total(self, problem: Problem) -> int:
        return self.params.steps

    def init(self, problem: Problem) -> DPSState:
        shape = (len(problem.keys), *problem.generator.image_shape)
        noise = seeds.normal(shape, problem.keys, "start").to(problem.y)
        prior, image = self._prior(problem), torch.full_like(noise, 0.5)
        first = rows(self._times(prior)[0][0], noise)
        # grey is 0 for priors of images in [-1, 1], and not for others, whose signal may stay whole
        return DPSState(u=prior.noised(prior.normalise(image), first, noise), image=image)

    def step(self, problem: Problem, state: DPSState) -> Progress:
        p, A, prior = self.params, problem.operator, self._prior(problem)
        now, then = self._times(prior)[state.step]
        t = rows(now, state.u)
        weight = precision(A, problem.y)

        with torch.enable_grad():
            u = state.u.detach().requires_grad_()
            clean = prior.denoise(u, t)
            image = prior.restore(clean)
            r = 2 * weight.sqrt() * (problem.y - A(image))
            norm = r.flatten(1).norm(dim=1)
            (slope,) = torch.autograd.grad(norm.sum(), u)
        if p.rule == "squared":
            slope = 2 * slope  # ∇‖r‖²/‖r‖

        clean, image = clean.detach(), image.detach()
        if p.clip:
            black, white = (prior.normalise(torch.full_like(image, v)) for v in (0.0, 1.0))
            clean = clean.clamp(black, white)
        xi = seeds.normal_like(u.detach(), problem.keys, "noise", state.step)
        u = reverse(prior, state.u, clean, t, rows(then, t), p.eta, xi)
        after = DPSState(step=state.step + 1, u=u - p.zeta * slope, image=image)
        metrics = {"chi2": A.chi2(problem.y, image), "residual": norm.detach() / 2}
        return Progress(after, Info(image, 0, metrics))

    def result(self, problem: Problem, state: DPSState) -> Result:
        done = state.step >= self.params.steps
        image = self._prior(problem).restore(state.u) if done else state.image
        return Result(image, image, torch.zeros_like(image))

    def _prior(self, problem: Problem) -> Denoiser:
        prior: Denoiser = problem.prior(0, Denoiser, "dps")
        return prior

    def _times(self, prior: Denoiser) -> list[tuple[float, float]]:
        """(from, to) of every step."""
        return list(pairwise([*visited(prior.t_min, self.params.steps, self.params.spacing), 0.0]))


def visited(t_min: float, steps: int, spacing: str) -> list[float]:
    """Choose the times at which the network is asked, from diffusers' own grids.

    Args:
        t_min: The least time that the model knows, one over the number of its noise levels.
        steps: Their number.
        spacing: ``"trailing"``, ``"leading"`` or ``"linspace"``, as in diffusers; a single step is
            at time 1.

    Returns:
        The times, falling, in (0, 1].

    Raises:
        BadParams: If there are more steps than levels.
    """
    count = round(1 / t_min)
    if steps > count:
        raise BadParams(f"{steps} steps of a model that knows {count}", f"give at most {count}")
    # the other grids begin at the last time: a single step would begin there, without noise
    grid = DDIMScheduler(count, timestep_spacing=spacing if steps > 1 else "trailing")
    grid.set_timesteps(steps)
    return [(int(i) + 1) / count for i in grid.timesteps][:steps]  # rounding may add one


def reverse(
    prior: Denoiser, u: Tensor, clean: Tensor, t: Tensor, to: Tensor, eta: float, xi: Tensor
) -> Tensor:
    """Draw u_to given u_t and û_0 (Song et al., 2021, arXiv:2010.02502, eq. 12).

    Args:
        prior: The prior, whose schedule counts.
        u: u_t (N, C, H, W).
        clean: û_0 (N, C, H, W).
        t: The time of u, (N,).
        to: The time to go to, (N,), below t.
        eta: 1 for the ancestral step of DDPM (Ho et al., 2020), 0 for the deterministic one of
            DDIM.
        xi: Standard normal noise (N, C, H, W).

    Returns:
        u_to (N, C, H, W).
    """
    (alpha, sigma), (earlier, spread) = (
        tuple(v[:, None, None, None] for v in prior.schedule(time)) for time in (t, to)
    )
    fresh = eta * spread / sigma * (1 - (alpha / earlier) ** 2).clamp_min(0).sqrt()
    noise = (u - alpha * clean) / sigma
    return earlier * clean + (spread**2 - fresh**2).clamp_min(0).sqrt() * noise + fresh * xi


def precision(A: Operator, y: Tensor) -> Tensor:
    """Weigh the entries of a measurement by their precision over the mean precision.

    Args:
        A: The operator with its noise.
        y: Measurements (N, …).

    Returns:
        The weights (N, …); 1 where the noise is alike for all entries, or absent.
    """
    inverse = A.noise.scale(y) ** -2.0
    mean = inverse.flatten(1).mean(1).reshape(-1, *[1] * (y.dim() - 1))
    return (inverse / mean).nan_to_num(nan=1.0, posinf=1.0, neginf=1.0)
