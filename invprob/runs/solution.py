"""What a run came to: tensors, metrics, and a page for notebooks."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from invprob.analysis import chains, credible_intervals
from invprob.analysis.credible_intervals import ENOUGH, Interval
from invprob.analysis.diagnostics import Diagnosis
from invprob.analysis.draws import Drawn
from invprob.callback import CallbackContext
from invprob.config.experiment import ResolvedExperiment
from invprob.operator import Chain, Operator
from invprob.runs import evaluate, page, pooling
from invprob.runs.data import Data
from invprob.runs.end import End
from invprob.solver import Solver

MOST_UNDECIDED = 0.2
"""The part of the pixels that may be undecided where quantiles are called an interval."""


@dataclass(frozen=True, repr=False)
class Solution:
    """B reconstructions of S samples each; tensors are on the CPU, images in [0, 1].

    Attributes:
        names: A name for each measurement.
        y: The measurements, (B, *operator.out_shape).
        truth: The truth (B, C, H, W), where it is known.
        samples: The last sample or the estimate of each chain, (B, S, C, H, W).
        mean: The mean of each measurement, (B, C, H, W).
        std: The standard deviation of each pixel, (B, C, H, W).
        interval: The quantiles of 5, 50 and 95 % of each pixel; `lower`, `median` and `upper` are
            short for its tensors. `earned` says where they are a 90 % interval.
        metrics: A dictionary per measurement: PSNR, SSIM, χ², convergence.
        draws: What was drawn of the posterior, where the solver marks its steps as draws.
        diagnostics: The diagnosis of the chains of each measurement, where there are draws.
        pixel_r_hat: R-hat of each pixel, (B, H, W), where the draws are enough to know it.
        trace: The metrics along the run: a row per step and chain.
        steps: How many steps were made.
        complete: Whether they were all; False where a callback stopped the run.
        seconds: How long they took.
        solver: The solver.
        operator: The operator.
        experiment: All that the run depended on; None for a `Problem` made of objects.
        out: The folder of the run; None where nothing was kept.
        diverged: How the solver diverged, if it did; all else is of the step before.
        notices: What could not be read or drawn, in sentences.
    """

    names: tuple[str, ...]
    y: Tensor
    truth: Tensor | None
    samples: Tensor
    mean: Tensor
    std: Tensor
    interval: Interval
    metrics: list[dict[str, Any]]
    draws: Drawn | None
    diagnostics: list[Diagnosis]
    pixel_r_hat: Tensor | None
    trace: list[dict[str, Any]]
    steps: int
    complete: bool
    seconds: float
    solver: Solver
    operator: Operator
    experiment: ResolvedExperiment | None = None
    out: Path | None = None
    diverged: str = ""
    notices: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        context: CallbackContext,
        data: Data,
        experiment: ResolvedExperiment | None,
        end: End,
        draws: Drawn | None,
        trace: list[dict[str, Any]],
        seconds: float,
    ) -> Solution:
        """Pool the chains of each measurement; the std follows from the law of total variance.

        Args:
            context: The run.
            data: Its measurements.
            experiment: What it was made from, if anything.
            end: What the last state of the solver says.
            draws: What was drawn of the posterior.
            trace: The metrics along the run.
            seconds: How long it took.

        Returns:
            The solution.
        """
        solver, problem = context.solver, context.problem
        by_image = (len(data.names), problem.num_samples, *end.result.image.shape[1:])
        last, means, variances = (part.cpu().reshape(by_image) for part in end.result)
        leave_out = experiment is not None and experiment.leave_out == "stuck"
        known = pooling.judge(draws, data.y[0].numel(), trace, *means.shape[:2])
        pooled = pooling.pool(known, means, variances, last, draws, leave_out)
        interval = pooled.interval
        table = evaluate.table(problem, data, last, pooled.mean)
        for row, found, k in zip(table, known, pooled.counted, strict=False):
            row |= found.row()
            if found.stuck:
                row["stuck_chains"] = found.stuck_words + ("" if bool(k.all()) else "; left out")
        if data.truth is not None and solver.returns == "sample" and interval.trusted:
            inside = credible_intervals.coverage(interval, data.truth)
            for row, part in zip(table, inside, strict=True):
                row["coverage_90"] = float(part)
        solution = cls(
            names=data.names,
            y=data.y,
            truth=data.truth,
            samples=last,
            mean=pooled.mean,
            std=pooled.std,
            interval=interval,
            metrics=table,
            draws=draws,
            diagnostics=known,
            pixel_r_hat=None if draws is None else chains.pixel_r_hats(draws.images),
            trace=trace,
            steps=end.steps,
            complete=end.complete,
            seconds=seconds,
            solver=solver,
            operator=problem.operator,
            experiment=experiment,
            out=context.out,
        )
        for row, earned in zip(table, solution.earned, strict=True):
            if solution.caveat:
                row["estimate"] = solution.caveat
            if known:
                row["interval_90"] = earned
        return solution

    @property
    def lower(self) -> Tensor:
        """The 5 % quantile of each pixel, (B, C, H, W)."""
        return self.interval.lower

    @property
    def median(self) -> Tensor:
        """The median of each pixel, (B, C, H, W)."""
        return self.interval.median

    @property
    def upper(self) -> Tensor:
        """The 95 % quantile of each pixel, (B, C, H, W)."""
        return self.interval.upper

    @property
    def returns(self) -> str:
        """``"sample"`` where the solver draws from a posterior, else ``"estimate"``."""
        return self.solver.returns

    @property
    def bias(self) -> float:
        """The bias that the solver declares, see `Solver.bias`."""
        return self.solver.bias

    @property
    def caveat(self) -> str:
        """Why the samples are an estimate and not the posterior's, as a phrase; or nothing."""
        if self.returns != "sample":
            return ""
        count = self.interval.count
        few = f"{count} draw{'s'[: count > 1]}, fewer than {ENOUGH}" if count < ENOUGH else ""
        return self.solver.tempered or few

    @property
    def earned(self) -> list[bool]:
        """Of which images the quantiles of 5 and 95 % may be called a 90 % interval.

        There are enough draws of the posterior, no chain that counts is stuck, and at most
        `MOST_UNDECIDED` of the pixels are undecided.
        """
        if self.caveat or self.returns != "sample" or not self.diagnostics:
            return [False] * len(self.names)
        without = self.experiment is not None and self.experiment.leave_out == "stuck"
        return [
            found.undecided <= MOST_UNDECIDED and (without or not found.stuck)
            for found in self.diagnostics
        ]

    @property
    def title(self) -> str:
        """The name of the solver."""
        return self.experiment.solver.name if self.experiment else type(self.solver).__name__

    @property
    def method(self) -> str:
        """The solver with its parameters, where an experiment names them."""
        return str(self.experiment.solver) if self.experiment else self.title

    @property
    def subtitle(self) -> str:
        """What was measured, in words."""
        if self.experiment is not None:
            chain = [str(spec) for spec in self.experiment.operator]
            noise = str(self.experiment.noise)
        else:
            A = self.operator
            chain = [type(part).__name__ for part in (A.operators if isinstance(A, Chain) else [A])]
            noise = type(A.noise).__name__
        return ", then ".join(chain) + f"; noise {noise}"

    @property
    def std_white(self) -> float:
        """The std that is white in pictures of the std."""
        return float(self.std.max().clamp_min(1e-8))

    @cached_property
    def observed(self) -> Tensor:
        """Pictures of the measurements to look at, (B, C, h, w)."""
        tensors = [*self.operator.parameters(), *self.operator.buffers()]
        y = self.y.to(tensors[0].device) if tensors else self.y
        with torch.no_grad():
            return self.operator.observed(y).cpu()

    @property
    def note(self) -> str:
        """What the summary says of a run that did not come to its end, else nothing."""
        if self.diverged:
            return f"{self.diverged}; step {self.steps} is shown."
        return "" if self.complete else f"Stopped by a callback after step {self.steps}."

    def picture(self) -> Image.Image:
        """Draw the summary: truth, measurement, mean, std and samples of each image.

        Returns:
            An RGB picture.
        """
        from invprob.plots import summary

        return summary.summary(self, self.observed, self.note)

    @cached_property
    def summary(self) -> bytes:
        """The summary as a PNG file."""
        file = io.BytesIO()
        self.picture().save(file, format="png")
        return file.getvalue()

    def __repr__(self) -> str:
        images, samples = self.samples.shape[:2]
        what = f"{images} × {samples} {self.returns}s by {self.title}"
        stopped = "" if self.complete else f", stopped after step {self.steps}"
        where = f", {self.out}" if self.out else ""
        return f"<Solution: {what}, {self.seconds:.1f} s{stopped}{where}>"

    def _repr_html_(self) -> str:
        """The summary and the table of metrics, for notebooks."""
        where = "" if self.out is None else f"; {self.out}"
        return page.html(self.summary, self.metrics, f"{self.method}; {self.seconds:.1f} s{where}")
