"""Pictures of results: `summary`, a row per image, and `sheet`, a grid of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from invprob.analysis import fit
from invprob.analysis.chains import UNDECIDED
from invprob.analysis.diagnostics import R_HAT_BAD
from invprob.io.images import to_pil
from invprob.plots.layout import PAPER, Cell, Page, Row, cell_size, colour, scaled
from invprob.plots.raster import draw

MAX_ROWS = 16
MAX_SAMPLES = 6
MIXING = 8
R_HAT_BRIGHT = 2.0
"""The R-hat at the bright end of a map of undecided pixels."""
FAR = 1.0
"""From this declared bias on, what samples make is not called the posterior's."""


class Results(Protocol):
    """What `summary` shows: B images with S samples each, as in `invprob.runs.solution.Solution`.

    Attributes:
        title: What stands at the top.
        subtitle: What stands below it.
        names: A name for each image.
        truth: The truth (B, C, H, W) in [0, 1]; None if it is unknown.
        samples: The samples or restarts, (B, S, C, H, W) in [0, 1].
        mean: Their means, (B, C, H, W).
        std: Their standard deviations, (B, C, H, W).
        metrics: A dictionary per image.
        returns: ``"sample"`` or ``"estimate"``.
        bias: The bias that the solver declares, ≥ 0.
        caveat: Why the samples are an estimate and not the posterior's; or nothing.
        pixel_r_hat: R-hat of each pixel, (B, H, W), where it is known.
    """

    @property
    def title(self) -> str: ...
    @property
    def subtitle(self) -> str: ...
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
    def metrics(self) -> Sequence[dict[str, Any]]: ...
    @property
    def returns(self) -> str: ...
    @property
    def bias(self) -> float: ...
    @property
    def caveat(self) -> str: ...
    @property
    def pixel_r_hat(self) -> Tensor | None: ...


def summary(results: Results, observed: Tensor, note: str = "") -> Image.Image:
    """Draw the page of a run, as `page` lays it out.

    Args:
        results: What is shown.
        observed: Pictures of the measurements, (B, C, h, w).
        note: A sentence to add below.

    Returns:
        An RGB picture.
    """
    return draw(page(results, observed, note))


def page(results: Results, observed: Tensor, note: str = "") -> Page:
    """Lay out the page of a run: truth, measurement, mean, std and samples of each image.

    The std is the root mean square over colour channels, on one colour scale for all rows, whose
    end is written under it; below stands what `results.metrics` say of the convergence.

    Args:
        results: What is shown; the first `MAX_ROWS` images, the first `MAX_SAMPLES` samples.
        observed: Pictures of the measurements, (B, C, h, w).
        note: A sentence to add below.

    Returns:
        The page.
    """
    shown = min(len(results.names), MAX_ROWS)
    spread = results.std[:shown].float().square().mean(1).sqrt()
    top = max(float(torch.nan_to_num(spread).max()), 1e-8)
    rows = []
    for i in range(shown):
        metrics = results.metrics[i] if i < len(results.metrics) else {}
        cells = [Cell(to_pil(results.truth[i]))] if results.truth is not None else []
        cells.append(Cell(to_pil(observed[i]), _dimensions(observed[i], results.mean[i])))
        cells.append(Cell(to_pil(results.mean[i]), _merit(metrics)))
        if not _single(results):
            verdict, warn = _convergence(metrics)
            cells.append(Cell(colour(spread[i] / top), verdict, ramp=top, warn=warn))
            if results.pixel_r_hat is not None:
                part = f"{metrics.get('undecided', math.nan):.0%} undecided"
                cells.append(Cell(undecided(results.pixel_r_hat[i]), part))
            cells += [Cell(to_pil(sample)) for sample in results.samples[i, :MAX_SAMPLES]]
        rows.append(Row(results.names[i], cells, fit.warning(metrics)))
    size = cell_size(results.mean.shape[-2], results.mean.shape[-1])
    notes = _notes(results) + ([note] if note else [])
    return Page(_columns(results), rows, size, results.title, results.subtitle, notes)


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
        near = results.bias < FAR and not results.caveat
        columns += ["posterior mean", "posterior std"] if near else ["mean", "std of samples"]
        columns += ["R-hat of a pixel"] if results.pixel_r_hat is not None else []
    else:
        columns += ["mean", "spread of restarts"]
    one = "sample" if sampled else "restart"
    count = min(results.samples.shape[1], MAX_SAMPLES)
    return columns + [f"{one} {k + 1}" for k in range(count)]


def _notes(results: Results) -> list[str]:
    sampled, notes, hidden = results.returns == "sample", [], []
    count, drawn = results.samples.shape[:2]
    if not _single(results):
        near = results.bias < FAR and not results.caveat
        whose = "posterior standard deviation" if near else "std of samples"
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
    if sampled and results.caveat:
        notes.append(f"An estimate, not the posterior: {results.caveat}.")
    if any("convergence" in row for row in results.metrics):
        notes.append(
            "R-hat and effective sample size (ESS): the worst of several functionals of image and "
            f"latent. Above an R-hat of {R_HAT_BAD} the chains of an image disagree, and its std "
            "is not that of the posterior."
        )
    if any(map(fit.warning, results.metrics)):
        notes.append(
            f"A χ² far above 1 means that the model cannot show the picture, {fit.OR_ELSE}."
        )
    if results.pixel_r_hat is not None:
        notes.append(
            f"R-hat of a pixel: dark at 1, bright from {R_HAT_BRIGHT:g} on. From {UNDECIDED} on"
            " a pixel is undecided: chains disagree about it."
        )
    for row in results.metrics[:MAX_ROWS]:
        if stuck := row.get("stuck_chains"):
            notes.append(f"{row.get('image', '')}: {stuck}.")
    if count > MAX_ROWS:
        hidden.append(f"{MAX_ROWS} of {count} images")
    if drawn > MAX_SAMPLES:
        hidden.append(f"{MAX_SAMPLES} of {drawn} {'samples' if sampled else 'restarts'}")
    return notes + (["Shown: " + ", ".join(hidden) + "."] if hidden else [])


def _merit(metrics: dict[str, Any]) -> str:
    parts = []
    if (psnr := metrics.get("psnr_mean")) is not None:
        parts.append(f"{psnr:.1f} dB")
    if (ssim := metrics.get("ssim_mean")) is not None:
        parts.append(f"SSIM {ssim:.2f}")
    return ", ".join(parts)


def _convergence(metrics: dict[str, Any]) -> tuple[str, bool]:
    """What is known of the chains of an image, and whether it is a warning."""
    verdict = metrics.get("convergence", "")
    if verdict == "undecided":
        return f"R-hat {metrics['r_hat']:.2f}, ESS {metrics['ess']:.0f}", False
    if verdict in ("converged", "not converged"):
        return f"{verdict} (R-hat {metrics['r_hat']:.2f})", verdict != "converged"
    return verdict, verdict != ""


def undecided(r_hat: Tensor) -> Image.Image:
    """Draw the R-hat of every pixel.

    Args:
        r_hat: (H, W), 1 where chains agree.

    Returns:
        An RGB picture, dark at 1 and bright at `R_HAT_BRIGHT`.
    """
    scaled_up = (torch.nan_to_num(r_hat, nan=R_HAT_BRIGHT) - 1) / (R_HAT_BRIGHT - 1)
    return colour(scaled_up.clamp(0, 1))


def _dimensions(seen: Tensor, image: Tensor) -> str:
    height, width = seen.shape[-2:]
    return "" if seen.shape[-2:] == image.shape[-2:] else f"{width} x {height} pixels"


def mixing(draws: Tensor) -> Image.Image:
    """Draw the draws of one image: a line per chain, time to the right.

    Args:
        draws: (S, R, C, H, W) in [0, 1]; at most `MIXING` chains and draws are shown.

    Returns:
        An RGB picture.
    """
    chosen = draws[:MIXING, :: -(-draws.shape[1] // MIXING)].float()
    return sheet(chosen.flatten(0, 1), chosen.shape[1])


def sheet(images: Tensor, columns: int = 8) -> Image.Image:
    """Draw a grid of images, row by row, with narrow white gaps.

    Args:
        images: (B, C, H, W) in [0, 1].
        columns: How many stand side by side.

    Returns:
        An RGB picture.
    """
    columns = max(1, min(columns, len(images)))
    width, height = cell_size(images.shape[-2], images.shape[-1], target=96)
    gap = 4
    lines = -(-len(images) // columns)
    grid = Image.new("RGB", (columns * (width + gap) + gap, lines * (height + gap) + gap), PAPER)
    for i, image in enumerate(images):
        place = (gap + i % columns * (width + gap), gap + i // columns * (height + gap))
        grid.paste(scaled(to_pil(image), (width, height)), place)
    return grid
