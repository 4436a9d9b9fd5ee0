"""Solving one cell, and every figure of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from invprob.analysis import credible_intervals, metrics
from invprob.analysis.diagnostics import diagnose
from invprob.analysis.draws import Draws
from invprob.bench.memory import Peak
from invprob.bench.nfe import Passes
from invprob.bench.store import Solved
from invprob.errors import InvprobError
from invprob.io.files import finite
from invprob.runs.build import Parts
from invprob.runs.loop import drive
from invprob.solver import Progress

Tell = Callable[[int, int], None]


class Lost(InvprobError):
    """A solver whose answer is no number."""


def solve(parts: Parts, y: Tensor, truth: Tensor, samples: int, seed: int, tell: Tell) -> Solved:
    """The figures and pictures of one measurement y (*out_shape) of `truth` (C, H, W)."""
    problem = parts.problem(y[None], samples, seed)
    chains = Draws(problem, samples)
    total = parts.solver.total(problem)

    def show(progress: Progress) -> None:
        tell(progress.state.step, total)

    with Passes(parts.generator, parts.priors.values()) as passes, Peak(parts.device) as peak:
        started = time.perf_counter()
        state = drive(parts.solver, problem, (chains, show))
        with torch.no_grad():
            result = parts.solver.result(problem, state)
        image = result.image.cpu()
        seconds = time.perf_counter() - started
    mean = result.mean.mean(0, keepdim=True).cpu()
    if not bool(image.isfinite().all() and mean.isfinite().all()):
        raise Lost("the answer holds NaN or infinity", "lower its step size")
    variance = result.var.cpu().mean(0) + result.mean.cpu().var(0, unbiased=False)
    with torch.no_grad():
        A, whole = parts.operator, y[None].to(parts.device)
        misfit = {
            "misfit_mean": float(A.chi2(whole, mean.to(parts.device))),
            "misfit_sample": float(A.chi2(whole.expand(samples, *y.shape), result.image).mean()),
        }
    figures: dict[str, Any] = quality(mean, image, truth[None]) | misfit
    drawn = chains.drawn()
    if parts.solver.returns == "sample":
        draws = image if drawn is None else drawn.images[0].flatten(0, 1).float()
        figures["crps"] = metrics.crps(draws, truth) if len(draws) > 1 else math.nan
        interval = credible_intervals.interval(draws[None])
        if interval.trusted:
            figures["coverage_90"] = float(credible_intervals.coverage(interval, truth[None]))
        if drawn is not None:
            found = diagnose(drawn.values[0], drawn.names)
            figures |= {"r_hat": found.r_hat, "ess": min(found.ess_bulk, found.ess_tail)}
    figures |= {"seconds": seconds, **passes.counts(), "memory_mb": peak.megabytes}
    figures["measurements"] = y.numel()
    pictures = {"mean": mean[0], "sample": image[0], "std": variance.clamp_min(0).sqrt()}
    return Solved(finite(figures), {k: v.half().contiguous() for k, v in pictures.items()})


def quality(mean: Tensor, image: Tensor, truth: Tensor) -> dict[str, float]:
    """Figures of merit of the mean, of a sample (their average), and of the sample nearest to the
    truth, which nobody can pick without it: the oracle."""
    copies = truth.expand_as(image)
    each = metrics.psnr(image, copies)
    told = {
        "psnr_mean": float(metrics.psnr(mean, truth)),
        "psnr_sample": float(each.mean()),
        "psnr_oracle": float(each.max()),
        "ssim_mean": float(metrics.ssim(mean, truth)),
        "ssim_sample": float(metrics.ssim(image, copies).mean()),
        "mse_mean": float(metrics.mse(mean, truth)),
        "mse_sample": float(metrics.mse(image, copies).mean()),
    }
    for name, figure in (("ms_ssim", metrics.ms_ssim), ("lpips", metrics.lpips)):
        if (value := figure(mean, truth)) is not None:
            told[f"{name}_mean"] = float(value)
    return told
