"""How the figures of this study look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555")
"""Okabe and Ito's, which colour-blind people can tell apart."""


def panels(figure: Figure, count: int) -> Sequence[Axes]:
    """`count` panels side by side."""
    figure.set_size_inches(4.2 * count, 3.4)
    axes = figure.subplots(1, count, squeeze=False)[0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color="0.9", linewidth=0.6)
        ax.set_axisbelow(True)
    return list(axes)


def named(ax: Axes, title: str, x: str, y: str, legend: str | None = None) -> None:
    """Title, axis labels and, with a title of its own, a legend."""
    ax.set_title(title, fontsize=10, loc="left")
    ax.set_xlabel(x, fontsize=9)
    ax.set_ylabel(y, fontsize=9)
    ax.tick_params(labelsize=8)
    if legend is not None:
        ax.legend(title=legend, fontsize=8, title_fontsize=8, frameon=False)


def logarithmic(ax: Axes, values: Iterable[float]) -> None:
    """A logarithmic x axis with a tick at each of these values and at no other."""
    ticks = sorted(set(values))
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{x:g}" for x in ticks])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(axis="x", which="minor", length=0)
