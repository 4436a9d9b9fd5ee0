"""(a) Where descent without the sign check ends: at the truth x, near −ρ x, or elsewhere.

An end belongs to the truth if it is within 5 % of it, else to the mirror if it is within `NEAR` ‖x‖
of −ρ x, else it is elsewhere if ‖∇f‖ is below 10⁻³ ‖x‖ there, and still moving if not.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from benchmarks.studies.mixing import style, world
from benchmarks.studies.mixing.intervals import Row, settings, where
from invprob_theory import landscape

LATENT = 10
NEAR = 0.3
CELLS = [(1, 3), (1, 6), (2, 3), (2, 6), (2, 12), (3, 3), (3, 5)]
ENDS = ("truth", "mirror", "elsewhere", "moving")


def run(quick: bool) -> list[Row]:
    nets, starts, steps = (2, 20, 200) if quick else (6, 50, 400)
    rows: list[Row] = []
    for depth, expansion in CELLS[:3] if quick else CELLS:
        for net in range(nets):
            w = world.make(net, LATENT, world.expanding(LATENT, expansion, depth))
            size = float(w.truth.norm())
            start = 2 * world.normal(net, "starts", starts, LATENT)
            *_, z = w.descend(start, steps, flip=False)
            still = w.gradient(z).norm(dim=1) < 1e-3 * size
            truth = w.errors(z) < 0.05
            gap = (z + landscape.mirror(depth) * w.truth).norm(dim=1) / size
            mirror = ~truth & (gap < NEAR)
            other = ~truth & ~mirror
            kinds = (truth, mirror, other & still, other & ~still)
            for kind, members in zip(ENDS, kinds, strict=True):
                rows.append(
                    {"depth": depth, "expansion": expansion, "net": net, "end": kind}
                    | placed(z[members], w.truth)
                )
    return rows


def placed(z: torch.Tensor, truth: torch.Tensor) -> Row:
    """How many ends, and their mean place along and across the truth, in units of ‖x‖."""
    unit, size = truth / truth.norm(), truth.norm()
    along = z @ unit / size
    across = (z / size - along[:, None] * unit).norm(dim=1)
    return {"count": len(z), "along": float(along.mean()), "across": float(across.mean())}


def findings(rows: list[Row]) -> list[str]:
    said = []
    for depth, expansion in settings(rows, "depth", "expansion"):
        cell = where(rows, depth=depth, expansion=expansion)
        total = sum(float(row["count"]) for row in cell) / 100
        shares = {kind: sum(float(r["count"]) for r in where(cell, end=kind)) for kind in ENDS}
        told = ", ".join(f"{kind} {count / total:.1f} %" for kind, count in shares.items())
        said.append(f"depth {depth}, expansion {expansion:g}: {told}")
    return said


def draw(rows: list[Row], figure: Figure) -> None:
    left, right = style.panels(figure, 2)
    cells = settings(rows, "depth", "expansion")
    below = [0.0] * len(cells)
    for kind, colour in zip(ENDS, style.COLOURS, strict=False):
        heights = []
        for depth, expansion in cells:
            cell = where(rows, depth=depth, expansion=expansion)
            total = sum(float(row["count"]) for row in cell)
            heights.append(sum(float(r["count"]) for r in where(cell, end=kind)) / total)
        left.bar(range(len(cells)), heights, bottom=below, color=colour, label=kind)
        below = [a + b for a, b in zip(below, heights, strict=True)]
        ends = [row for row in where(rows, end=kind) if float(row["count"])]
        right.scatter(
            [float(row["along"]) for row in ends],
            [float(row["across"]) for row in ends],
            [6 * float(row["count"]) ** 0.5 for row in ends],
            color=colour,
            alpha=0.6,
            label=kind,
        )
    left.set_xticks(range(len(cells)), [f"{depth}, {expansion:g}" for depth, expansion in cells])
    left.set_ylim(0, 1)
    style.named(left, "where descent without check ends", "depth, expansion", "share of starts")
    style.named(right, "mean place of the ends, by network", "along x / ‖x‖", "across / ‖x‖", "end")
