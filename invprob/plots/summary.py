"""Pictures of results: `summary`, a row per image, and `sheet`, a grid of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from invprob.analysis.diagnostics import R_HAT_BAD
from invprob.config.experiment import Experiment
from invprob.io.images import to_pil
from invprob.plots.layout import PAPER, Cell, Page, Row, cell_size, colour, draw, scaled

MAX_ROWS = 16
MAX_SAMPLES = 6
MIXING = 8
FAR = 1.0
"""From this declared bias on, what samples make is not called the posterior's."""


class Results(Protocol):
    """What `summary` shows: B images with S samples each; truth may be unknown."""

    @property
    def experiment(self) -> Experiment: ...
    @property
    def names(self) -> Sequence[str]: ...
    @property
    def truth(self) -> Tensor | None: ...
    @property
    def samples(self) -> Tensor: ...
    @property
    def mean(self) -> Tensor: ...
    @property
    def std(self) -> Tensor: ...
    @property
    def rows(self) -> Sequence[dict[str, Any]]: ...
    @property
    def returns(self) -> str: ...
    @property
    def bias(self) -> float: ...


def summary(results: Results, seen: Tensor, note: str = "") -> Image.Image:
    """The page of a run: truth | measurement | mean | std | samples, for each image.

    `seen` (B, C, h, w) are pictures of the measurements, `note` is added below. The std is the root
    mean square over colour channels, on one colour scale for all rows, whose end is written under
    it, and under that what `results.rows` say of the convergence of the chains.
    """
    shown = min(len(results.names), MAX_ROWS)
    spread = results.std[:shown].float().square().mean(1).sqrt()
    top = max(float(torch.nan_to_num(spread).max()), 1e-8)
    rows = []
    for i in range(shown):
        figures = results.rows[i] if i < len(results.rows) else {}
        cells = [Cell(to_pil(results.truth[i]))] if results.truth is not None else []
        cells.append(Cell(to_pil(seen[i]), _dimensions(seen[i], results.mean[i])))
        cells.append(Cell(to_pil(results.mean[i]), _merit(figures)))
        if not _single(results):
            told, warn = _convergence(figures)
            cells.append(Cell(colour(spread[i] / top), told, ramp=top, warn=warn))
            cells += [Cell(to_pil(sample)) for sample in results.samples[i, :MAX_SAMPLES]]
        rows.append(Row(results.names[i], cells))
    run = results.experiment
    problem = ", then ".join(str(spec) for spec in run.operator) + f"; noise {run.noise}"
    size = cell_size(results.mean.shape[-2], results.mean.shape[-1])
    notes = _notes(results) + ([note] if note else [])
    return draw(Page(_columns(results), rows, size, run.solver.name, problem, notes))


def _single(results: Results) -> bool:
    """Whether there is one estimate, or one sample without a chain: nothing that has a spread."""
    alone = results.samples.shape[1] == 1
    return alone and (results.returns == "estimate" or not bool(results.std.any()))


def _columns(results: Results) -> list[str]:
    columns = ["measurement"] if results.truth is None else ["truth", "measurement"]
    if _single(results):
        return [*columns, results.returns]
    sampled = results.returns == "sample"
    if sampled:
        near = results.bias < FAR
        columns += ["posterior mean", "posterior std"] if near else ["mean", "std of samples"]
    else:
        columns += ["mean", "spread of restarts"]
    one = "sample" if sampled else "restart"
    count = min(results.samples.shape[1], MAX_SAMPLES)
    return columns + [f"{one} {k + 1}" for k in range(count)]


def _notes(results: Results) -> list[str]:
    sampled, notes, hidden = results.returns == "sample", [], []
    count, drawn = results.samples.shape[:2]
    if not _single(results):
        whose = "posterior standard deviation" if results.bias < FAR else "std of samples"
        what = whose if sampled else "standard deviation over restarts"
        notes.append(
            f"Colour scale: {what} of a pixel, root mean square over channels, "
            "in units of [0, 1]; the same in all rows."
        )
        if sampled and results.bias:
            notes.append(
                "Where the posterior is known, standard deviations of this solver are off by up to"
                f" {results.bias:.0%} (invprob check NAME --posterior)."
            )
    if any("convergence" in row for row in results.rows):
        notes.append(
            "R-hat and effective sample size (ESS): the worst of several functionals of image and "
            f"latent. Above an R-hat of {R_HAT_BAD} the chains of an image disagree, and its std "
            "is not that of the posterior."
        )
    if count > MAX_ROWS:
        hidden.append(f"{MAX_ROWS} of {count} images")
    if drawn > MAX_SAMPLES:
        hidden.append(f"{MAX_SAMPLES} of {drawn} {'samples' if sampled else 'restarts'}")
    return notes + (["Shown: " + ", ".join(hidden) + "."] if hidden else [])


def _merit(figures: dict[str, Any]) -> str:
    parts = []
    if (psnr := figures.get("psnr_mean")) is not None:
        parts.append(f"{psnr:.1f} dB")
    if (ssim := figures.get("ssim_mean")) is not None:
        parts.append(f"SSIM {ssim:.2f}")
    return ", ".join(parts)


def _convergence(figures: dict[str, Any]) -> tuple[str, bool]:
    """What is known of the chains of an image, and whether it is a warning."""
    verdict = figures.get("convergence", "")
    if verdict == "undecided":
        return f"R-hat {figures['r_hat']:.2f}, ESS {figures['ess']:.0f}", False
    if verdict in ("converged", "not converged"):
        return f"{verdict} (R-hat {figures['r_hat']:.2f})", verdict != "converged"
    return verdict, verdict != ""


def _dimensions(seen: Tensor, image: Tensor) -> str:
    height, width = seen.shape[-2:]
    return "" if seen.shape[-2:] == image.shape[-2:] else f"{width} x {height} pixels"


def mixing(draws: Tensor) -> Image.Image:
    """A sheet of the draws (S, R, C, H, W) of one image: a line per chain, time to the right."""
    chosen = draws[:MIXING, :: -(-draws.shape[1] // MIXING)].float()
    return sheet(chosen.flatten(0, 1), chosen.shape[1])


def sheet(images: Tensor, columns: int = 8) -> Image.Image:
    """A grid of the images (B, C, H, W), row by row, with narrow white gaps."""
    columns = max(1, min(columns, len(images)))
    width, height = cell_size(images.shape[-2], images.shape[-1], target=96)
    gap = 4
    lines = -(-len(images) // columns)
    page = Image.new("RGB", (columns * (width + gap) + gap, lines * (height + gap) + gap), PAPER)
    for i, image in enumerate(images):
        place = (gap + i % columns * (width + gap), gap + i // columns * (height + gap))
        page.paste(scaled(to_pil(image), (width, height)), place)
    return page
