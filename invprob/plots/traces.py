"""Trace plots: χ² over the steps, and the functionals that mix worst over the draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogFormatter
from torch import Tensor

from invprob.analysis.diagnostics import Diagnosis
from invprob.analysis.draws import Drawn
from invprob.global_state import matplotlib_state
from invprob.plots.vector import Format, save

MAX_IMAGES = 6
WORST = 3
MAX_NAMED = 10
"""As many chains have a colour of their own, and a name."""

KEY = "image.1, latent.w.1, …: random projections of the image and of the fields of the latent"


def traces(
    names: Sequence[str],
    chains: int,
    rows: Sequence[dict[str, Any]],
    drawn: Drawn | None,
    diagnoses: Sequence[Diagnosis],
    kind: Format = "png",
) -> bytes:
    """Plot chains: χ² and, with draws, the functionals of the highest R-hat.

    Args:
        names: The images; the first `MAX_IMAGES` have a row each.
        chains: Chains per image, a line each.
        rows: The trace, in which the chains of all images are numbered in a row.
        drawn: The draws, if there are any.
        diagnoses: The diagnosis of the draws of each image, where there are draws.
        kind: The format.

    Returns:
        A file.
    """
    with matplotlib_state.standard():
        return save(_page(names, chains, rows, drawn, diagnoses), kind)


def _page(
    names: Sequence[str],
    chains: int,
    rows: Sequence[dict[str, Any]],
    drawn: Drawn | None,
    diagnoses: Sequence[Diagnosis],
) -> Figure:
    shown = names[:MAX_IMAGES]
    wide = 1 if drawn is None else 1 + WORST
    page = Figure(figsize=(3.6 * wide + 0.4, 2.2 * len(shown) + 0.8), dpi=110)
    grid = page.subplots(len(shown), wide, squeeze=False, gridspec_kw=_margins(page))
    for i, (name, line) in enumerate(zip(shown, grid, strict=True)):
        _chi2(line[0], name, rows, range(i * chains, (i + 1) * chains))
        if drawn is not None:
            _functionals(line[1:], drawn, drawn.values[i], diagnoses[i])
        for axes in line:
            axes.tick_params(which="both", labelsize=7)
            axes.margins(x=0)
            axes.locator_params("x", integer=True, nbins=5)
            axes.spines[["top", "right"]].set_visible(False)
            if i + 1 == len(shown):
                axes.set_xlabel("step", fontsize=8)
    if chains > 1:
        named = [Line2D([], [], color=_colour(k), label=f"chain {k + 1}") for k in range(chains)]
        page.legend(
            handles=named[:MAX_NAMED],
            loc="upper right",
            ncols=min(chains, 5 * wide),
            fontsize=7,
            frameon=False,
        )
    if drawn is not None:
        page.supxlabel(KEY, fontsize=7, color="0.4", y=0.08 / page.get_figheight(), va="bottom")
    return page


def _margins(page: Figure) -> dict[str, float]:
    """Space around the axes: constant, since to measure all labels takes half of the time."""
    width, height = page.get_size_inches()
    sides = {"left": 0.6 / width, "right": 1 - 0.15 / width}
    ends = {"bottom": 0.6 / height, "top": 1 - 0.5 / height}
    return {**sides, **ends, "wspace": 0.2, "hspace": 0.3}


def _chi2(axes: Axes, name: str, rows: Sequence[dict[str, Any]], numbers: range) -> None:
    """χ² of the chains `numbers`, on a logarithmic scale; 1 is the noise level."""
    axes.set_title(f"{name}: χ²", fontsize=9, loc="left", y=1.0, parse_math=False)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))
    axes.axhline(1, color="0.8", linewidth=0.8)
    for k, chain in enumerate(numbers):
        own = [row for row in rows if row["chain"] == chain and row.get("chi2", 0) > 0]
        steps, values = [row["step"] for row in own], [row["chi2"] for row in own]
        axes.plot(steps, values, color=_colour(k), linewidth=0.8)


def _functionals(line: Sequence[Axes], drawn: Drawn, values: Tensor, diagnosis: Diagnosis) -> None:
    """The functionals of the highest R-hat, or the first where none is known; values (S, D, K)."""
    table = diagnosis.functionals
    ranked = sorted(table, key=lambda name: -table[name]["r_hat"]) or list(drawn.names)
    for axes, name in zip(line, ranked, strict=False):
        figure = f", R-hat {table[name]['r_hat']:.2f}" if table else ""
        axes.set_title(f"{name}{figure}", fontsize=9, loc="left", y=1.0, parse_math=False)
        for k, chain in enumerate(values[:, :, drawn.names.index(name)]):
            axes.plot(drawn.steps.tolist(), chain.tolist(), color=_colour(k), linewidth=0.8)
    for axes in line[len(ranked) :]:
        axes.set_axis_off()


def _colour(chain: int) -> Any:
    return colormaps["tab10"](chain % 10)
