"""Solving one cell, and every metric of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from invprob import fingerprint, seeds
from invprob.analysis import credible_intervals, metrics
from invprob.analysis.diagnostics import diagnose
from invprob.analysis.draws import Draws
from invprob.bench import origin, sample_means
from invprob.bench.nfe import Passes
from invprob.bench.store import Solved
from invprob.io.json_text import finite
from invprob.runs.build import Parts
from invprob.runs.divergence import Divergence
from invprob.runs.loop import drive
from invprob.runs.memory import Peak
from invprob.solver import Progress

Tell = Callable[[int, int], None]


def solve(parts: Parts, y: Tensor, truth: Tensor, samples: int, seed: int, tell: Tell) -> Solved:
    """Solve one measurement and judge the answer.

    Args:
        parts: The objects of the experiment.
        y: The measurement, of shape (*out_shape).
        truth: The image that was measured, of shape (C, H, W), in [0, 1].
        samples: How many samples (chains, restarts) are computed.
        seed: The seed of every draw.
        tell: Called with (step, number of steps) after each step.

    Returns:
        Metrics, origin and pictures.

    Raises:
        Diverged: The answer holds NaN or infinity.
    """
    problem = parts.problem(y[None], samples, seed)
    chains = Draws(problem, samples)
    divergence = Divergence()
    total = parts.solver.total(problem)

    def show(progress: Progress) -> None:
        tell(progress.state.step, total)

    with Passes(parts.generator, parts.priors.values()) as passes, Peak(parts.device) as peak:
        started = time.perf_counter()
        state = drive(parts.solver, problem, (divergence, chains, show))
        with torch.no_grad():
            result = parts.solver.result(problem, state)
        image = result.image.cpu()
        seconds = time.perf_counter() - started
    mean = result.mean.mean(0, keepdim=True).cpu()
    lost = divergence.check(parts.solver, state.step, ["the image"], image[None], mean)
    if lost is not None:
        raise lost
    variance = result.var.cpu().mean(0) + result.mean.cpu().var(0, unbiased=False)
    with torch.no_grad():
        A, whole = parts.operator, y[None].to(parts.device)
        of_mean = float(A.chi2(whole, mean.to(parts.device)))
        chi2 = A.chi2(whole.expand(samples, *y.shape), result.image).cpu()
    drawn = chains.drawn()
    draws = image if drawn is None else drawn.images[0].flatten(0, 1).float()
    rng = seeds.stream(seed, "random sample", fingerprint.digest(y))
    picked = draws[int(torch.randint(len(draws), (), generator=rng))]
    figures: dict[str, Any] = quality(mean, image, picked, chi2, truth[None])
    if A.symmetric:
        figures |= aligned(mean, image, chi2, truth[None])
    figures |= sample_means.quality(image, truth)
    figures |= {"chi2_mean": of_mean, "chi2_last": float(chi2.mean())}
    figures["mean_samples"] = samples * (len(drawn.steps) if drawn is not None else 1)
    if parts.solver.returns == "sample":
        figures["crps"] = metrics.crps(draws, truth) if len(draws) > 1 else math.nan
        if samples > 1:
            figures["range_coverage"] = sample_means.range_coverage(image, truth)
        interval = credible_intervals.interval(draws[None])
        if interval.trusted:
            figures["coverage_90"] = float(credible_intervals.coverage(interval, truth[None]))
        if drawn is not None:
            found = diagnose(drawn.values[0], drawn.names)
            figures |= {"r_hat": found.r_hat, "ess": min(found.ess_bulk, found.ess_tail)}
            if found.verdict != "not assessed":  # an R-hat of ∞ is not kept
                figures["not_converged"] = float(found.verdict == "not converged")
    figures |= {"seconds": seconds, **passes.counts(), "memory_mb": peak.megabytes}
    figures["measurements"] = y.numel()
    figures |= origin.record(parts.device)
    pictures = {"mean": mean[0], "sample": image[0], "std": variance.clamp_min(0).sqrt()}
    return Solved(finite(figures), {k: v.half().contiguous() for k, v in pictures.items()})


def quality(
    mean: Tensor, image: Tensor, picked: Tensor, chi2: Tensor, truth: Tensor
) -> dict[str, float]:
    """How near the answers are to the truth, by the way an answer is picked.

    Args:
        mean: The mean of all samples, of shape (1, C, H, W).
        image: The last sample of each of S chains (or each of S estimates), of shape (S, C, H, W).
        picked: One of all samples, picked at random, of shape (C, H, W).
        chi2: χ² of the S images, 1 at the noise level; NaN without noise.
        truth: The image that was measured, of shape (1, C, H, W).

    Returns:
        Metrics whose names end in ``mean``; ``last`` (the average over the S images); ``random``;
        ``best_chi2`` (the image of least χ²); ``oracle`` (the image nearest to the truth, which
        nobody can pick without it).
    """
    copies = truth.expand_as(image)
    each, similar = metrics.psnr(image, copies), metrics.ssim(image, copies)
    made = {
        "psnr_mean": float(metrics.psnr(mean, truth)),
        "psnr_last": float(each.mean()),
        "psnr_random": float(metrics.psnr(picked[None], truth)),
        "psnr_oracle": float(each.max()),
        "ssim_mean": float(metrics.ssim(mean, truth)),
        "ssim_last": float(similar.mean()),
        "mse_mean": float(metrics.mse(mean, truth)),
        "mse_last": float(metrics.mse(image, copies).mean()),
    }
    if bool(chi2.isfinite().all()):
        least = int(chi2.argmin())
        made |= {"psnr_best_chi2": float(each[least]), "ssim_best_chi2": float(similar[least])}
    for name, metric in (("ms_ssim", metrics.ms_ssim), ("lpips", metrics.lpips)):
        if (value := metric(mean, truth)) is not None:
            made[f"{name}_mean"] = float(value)
    return made


def aligned(mean: Tensor, image: Tensor, chi2: Tensor, truth: Tensor) -> dict[str, float]:
    """How near the answers are to the truth up to the symmetries of the operator.

    Args:
        mean: The mean of all samples, of shape (1, C, H, W).
        image: The last sample of each of S chains (or each of S estimates), of shape (S, C, H, W).
        chi2: χ² of the S images, (S,).
        truth: The image that was measured, of shape (1, C, H, W).

    Returns:
        `metrics.psnr_aligned` by the ways of `quality`: ``mean``, ``last`` and ``best_chi2``.
    """
    each = metrics.psnr_aligned(image, truth.expand_as(image))
    made = {
        "psnr_aligned_mean": float(metrics.psnr_aligned(mean, truth)),
        "psnr_aligned_last": float(each.mean()),
    }
    if bool(chi2.isfinite().all()):
        made["psnr_aligned_best_chi2"] = float(each[int(chi2.argmin())])
    return made
