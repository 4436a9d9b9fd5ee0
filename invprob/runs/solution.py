"""What `invprob.solve` returns: tensors, figures, and a page for notebooks."""

from __future__ import annotations

import base64
import dataclasses
import html
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from invprob.analysis.diagnostics import Diagnosis
from invprob.config.experiment import Experiment
from invprob.runs.folder import Outcome

COLUMNS = {
    "psnr_mean": ("PSNR mean (dB)", 2),
    "ssim_mean": ("SSIM mean", 3),
    "psnr_sample": ("PSNR sample (dB)", 2),
    "misfit_mean": ("misfit mean", 2),
    "misfit_sample": ("misfit sample", 2),
    "r_hat": ("R-hat", 2),
    "ess": ("ESS", 0),
}
"""Figures shown in notebooks, with their titles and digits."""


@dataclass(frozen=True, repr=False)
class Solution:
    """B reconstructions of S samples each, images in [0, 1].

    `samples` is (B, S, C, H, W), `mean`, `std`, `lower`, `median` and `upper` are (B, C, H, W), the
    last three the quantiles of 5, 50 and 95 % of each pixel. `metrics` has a dictionary of figures
    per image, `diagnostics` a judgement of its chains where the solver samples, `experiment` all
    that the run depended on, `out` its folder unless nothing was kept, `summary` the page of
    pictures as PNG.
    """

    names: tuple[str, ...]
    y: Tensor
    truth: Tensor | None
    samples: Tensor
    mean: Tensor
    std: Tensor
    lower: Tensor
    median: Tensor
    upper: Tensor
    metrics: list[dict[str, Any]]
    diagnostics: list[Diagnosis]
    returns: str
    seconds: float
    experiment: Experiment
    summary: bytes
    out: Path | None

    @classmethod
    def of(cls, outcome: Outcome, out: Path) -> Solution:
        """The solution of a finished run in its folder."""
        return cls(
            names=outcome.names,
            y=outcome.y,
            truth=outcome.truth,
            samples=outcome.samples,
            mean=outcome.mean,
            std=outcome.std,
            lower=outcome.interval.lower,
            median=outcome.interval.median,
            upper=outcome.interval.upper,
            metrics=outcome.rows,
            diagnostics=outcome.diagnoses,
            returns=outcome.returns,
            seconds=outcome.seconds,
            experiment=outcome.experiment,
            summary=(out / "summary.png").read_bytes(),
            out=out,
        )

    def without_folder(self) -> Solution:
        """The same, of a run whose folder is gone."""
        forgotten = self.experiment.model_copy(update={"measurement": None})
        return dataclasses.replace(self, out=None, experiment=forgotten)

    def __repr__(self) -> str:
        images, samples = self.samples.shape[:2]
        what = f"{images} × {samples} {self.returns}s by {self.experiment.solver.name}"
        return f"<Solution: {what}, {self.seconds:.1f} s{f', {self.out}' if self.out else ''}>"

    def _repr_html_(self) -> str:
        """The page of pictures and the table of figures, for notebooks."""
        picture = base64.b64encode(self.summary).decode()
        shown = {key: told for key, told in COLUMNS.items() if key in self.metrics[0]}
        verdicts = any("convergence" in row for row in self.metrics)
        titles = ["image", *(title for title, _ in shown.values())]
        titles += ["chains"] if verdicts else []
        rows = []
        for row in self.metrics:
            cells = [str(row["image"])]
            cells += [_figure(row[key], digits) for key, (_, digits) in shown.items()]
            cells += [str(row.get("convergence", ""))] if verdicts else []
            rows.append(cells)
        where = "" if self.out is None else f"; {self.out}"
        note = f"{self.experiment.solver}; {self.seconds:.1f} s{where}"
        return "".join(
            [
                f'<img alt="truth, measurement, mean, std and samples" style="max-width:100%"'
                f' src="data:image/png;base64,{picture}">',
                "<table><thead>", _row("th", titles), "</thead><tbody>",
                *(_row("td", cells) for cells in rows),
                f"</tbody></table><p>{html.escape(note)}</p>",
            ]
        )  # fmt: skip


def _row(tag: str, cells: list[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _figure(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"
