"""(a) The gradient of a finite network against the closed form h of an infinitely wide one.

10³ inputs a network, at all angles to the truth x and at lengths from 0.05 to 3 times its own;
balls of radius 0.2 ‖x‖ around the two stationary points of h are left out.
"""

from __future__ import annotations

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.studies.mixing import style, world
from benchmarks.studies.mixing.intervals import Row, interval, settings, where
from benchmarks.studies.mixing.world import World
from invprob_theory import landscape

LATENT = 10
WIDEST = 4000
EXPANSIONS = (1.5, 2, 3, 4, 6, 10, 20)
BALL = 0.2


def run(quick: bool) -> list[Row]:
    depths, nets, points = ((1, 2), 2, 200) if quick else ((1, 2, 3, 4), 6, 1000)
    rows: list[Row] = []
    for depth in depths:
        for expansion in EXPANSIONS:
            widths = world.expanding(LATENT, expansion, depth)
            for net in range(nets if widths[-1] <= WIDEST else 0):
                w = world.make(net, LATENT, widths)
                key: Row = {"depth": depth, "expansion": expansion, "net": net}
                rows.append(key | compared(w, inputs(w, net, points, depth), depth))
    return rows


def inputs(w: World, net: int, points: int, depth: int) -> Tensor:
    """Inputs at all angles and many lengths, but not near the stationary points of h."""
    unit, size = w.truth / w.truth.norm(), w.truth.norm()
    angle = math.pi * world.uniform(net, "angle", points, 1)
    length = 0.05 * 60 ** world.uniform(net, "length", points, 1)
    across = world.normal(net, "across", points, LATENT)
    across = across - (across @ unit)[:, None] * unit
    across = across / across.norm(dim=1, keepdim=True)
    z = size * length * (angle.cos() * unit + angle.sin() * across)
    places = torch.stack([w.truth, -landscape.mirror(depth) * w.truth])
    return z[torch.cdist(z, places).min(1).values > BALL * size]


def compared(w: World, z: Tensor, depth: int) -> Row:
    """Cosine and relative difference of ∇f and h over inputs z."""
    slope, h = w.gradient(z), landscape.expected_gradient(z, w.truth, depth)
    cosine = (slope * h).sum(1) / (slope.norm(dim=1) * h.norm(dim=1))
    return {
        "points": len(z),
        "cosine_least": float(cosine.min()),
        "cosine_median": float(cosine.median()),
        "descent_share": float((cosine > 0).double().mean()),
        "difference": float(((slope - h).norm(dim=1) / h.norm(dim=1)).median()),
    }


def findings(rows: list[Row]) -> list[str]:
    said = []
    for depth, expansion in settings(rows, "depth", "expansion"):
        cell = where(rows, depth=depth, expansion=expansion)
        middle = interval(float(row["cosine_median"]) for row in cell)
        least = min(float(row["cosine_least"]) for row in cell)
        share = interval(float(row["descent_share"]) for row in cell)
        said.append(
            f"depth {depth}, expansion {expansion:g}: cosine of ∇f and h {middle} (median input),"
            f" least {least:.3f}, positive for {100 * share.mean:.2f} % of inputs"
        )
    return said


def draw(rows: list[Row], figure: Figure) -> None:
    titles = ("median input", "worst input outside the balls")
    for ax, part, title in zip(
        style.panels(figure, 2), ("cosine_median", "cosine_least"), titles, strict=True
    ):
        for (depth,), colour in zip(settings(rows, "depth"), style.COLOURS, strict=False):
            mine = where(rows, depth=depth)
            xs = [float(x) for (x,) in settings(mine, "expansion")]
            cells = [[float(r[part]) for r in where(mine, expansion=x)] for x in xs]
            ys = [interval(cell).mean if part == "cosine_median" else min(cell) for cell in cells]
            ax.plot(xs, ys, "o-", color=colour, label=f"{depth}", markersize=4)
        ax.axhline(0, color="0.4", linewidth=0.8)
        style.logarithmic(ax, EXPANSIONS)
        style.named(ax, title, "expansion nᵢ / nᵢ₋₁", "cosine of ∇f and h", "depth")
