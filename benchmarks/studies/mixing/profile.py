"""(a) The length of the gradient of wide networks on the line through x: it dips at x and −ρ x."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from benchmarks.studies.mixing import style, world
from benchmarks.studies.mixing.intervals import Row, settings, where
from invprob_theory import landscape

LATENT = 10


def run(quick: bool) -> list[Row]:
    depths, points, width = ((1, 2), 36, 300) if quick else ((1, 2, 3, 4), 141, 3000)
    t = torch.linspace(-1.5, 2, points, dtype=torch.float64) + 1e-6
    rows: list[Row] = []
    for depth in depths:
        w = world.make(0, LATENT, [width] * depth)
        z, size = t[:, None] * w.truth, w.truth.norm()
        slope = w.gradient(z).norm(dim=1) / size
        h = landscape.expected_gradient(z, w.truth, depth).norm(dim=1) / size
        for a, b, c in zip(t, slope, h, strict=True):
            rows.append({"depth": depth, "t": float(a), "slope": float(b), "h": float(c)})
    return rows


def findings(rows: list[Row]) -> list[str]:
    said = []
    for (depth,) in settings(rows, "depth"):
        left = [row for row in where(rows, depth=depth) if float(row["t"]) < -0.02]
        lowest = min(left, key=lambda row: float(row["slope"]))
        rho = landscape.mirror(int(depth))
        said.append(
            f"depth {depth}: on the negative side ‖∇f‖ is least at {lowest['t']:.2f} x"
            f" ({lowest['slope']:.3f} ‖x‖), and −ρ is {-rho:.2f}"
        )
    return said


def draw(rows: list[Row], figure: Figure) -> None:
    (ax,) = style.panels(figure, 1)
    for (depth,), colour in zip(settings(rows, "depth"), style.COLOURS, strict=False):
        mine = where(rows, depth=depth)
        t = [float(row["t"]) for row in mine]
        ax.plot(t, [float(row["slope"]) for row in mine], color=colour, label=f"{depth}")
        ax.plot(t, [float(row["h"]) for row in mine], "--", color=colour, linewidth=0.9)
        ax.plot(-landscape.mirror(int(depth)), 0, "v", color=colour, clip_on=False)
    ax.set_ylim(0, 1.6)
    style.named(ax, "∇f (line) and h (dashed) at z = t x", "t", "length / ‖x‖", "depth")
