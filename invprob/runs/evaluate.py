"""How good a result is: a row of metrics per measurement."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from invprob.analysis import metrics
from invprob.runs.data import Data
from invprob.solver import Problem


def table(problem: Problem, data: Data, samples: Tensor, mean: Tensor) -> list[dict[str, Any]]:
    """Compare a result with the measurements, and with the truth where it is known.

    Args:
        problem: The problem.
        data: Its measurements, with their names.
        samples: (B, S, C, H, W).
        mean: (B, C, H, W).

    Returns:
        For each measurement: its name as ``image``; PSNR in dB and SSIM of the mean and, on
        average, of the samples; where the operator is `symmetric`, PSNR up to its symmetries too;
        their reduced χ² (1 is the noise level).
    """
    of_mean, of_samples = _chi2(problem, samples, mean)
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(data.names):
        row: dict[str, Any] = {"image": name}
        if data.truth is not None:
            truth = data.truth[i : i + 1]
            copies = truth.expand_as(samples[i])
            row |= {
                "psnr_mean": float(metrics.psnr(mean[i : i + 1], truth)),
                "ssim_mean": float(metrics.ssim(mean[i : i + 1], truth)),
                "psnr_sample": float(metrics.psnr(samples[i], copies).mean()),
                "ssim_sample": float(metrics.ssim(samples[i], copies).mean()),
            }
            if problem.operator.symmetric:
                row |= {
                    "psnr_aligned_mean": float(metrics.psnr_aligned(mean[i : i + 1], truth)),
                    "psnr_aligned_sample": float(metrics.psnr_aligned(samples[i], copies).mean()),
                }
        row |= {"chi2_mean": float(of_mean[i]), "chi2_sample": float(of_samples[i])}
        rows.append(row)
    return rows


def _chi2(problem: Problem, samples: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """(of the mean, of the samples on average), both (B,)."""
    A, y = problem.operator, problem.y
    with torch.no_grad():
        of_mean = A.chi2(problem.measurements, mean.to(y.device)).cpu()
        each = A.chi2(y, samples.flatten(0, 1).to(y.device)).cpu()
    return of_mean, each.reshape(samples.shape[:2]).mean(1)
