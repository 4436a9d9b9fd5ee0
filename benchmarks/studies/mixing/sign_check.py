"""(b) Descent with and without the sign check, from the same starts near the mirror −ρ x.

Success is ‖z − x‖ < 10⁻² ‖x‖ at the end. The rate is the slope of log ‖z − x‖ against the step,
while it falls from 0.1 to 10⁻⁹ ‖x‖.
"""

from __future__ import annotations

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.studies.mixing import style, world
from benchmarks.studies.mixing.intervals import Row, interval, line, settings, where
from invprob_theory import landscape

LATENT = 10
BY_EXPANSION = [(1, e, math.inf) for e in (2, 4, 8)]
BY_EXPANSION += [(2, e, math.inf) for e in (2, 3, 4, 6, 10)]
BY_EXPANSION += [(3, e, math.inf) for e in (2, 3, 4, 6)]
BY_MEASUREMENTS = [(2, 10, ratio) for ratio in (2, 4, 6, 10, 15)]


def run(quick: bool) -> list[Row]:
    nets, starts, steps = (2, 3, 60) if quick else (6, 8, 400)
    cells = (
        [*BY_EXPANSION[1:2], *BY_EXPANSION[6:7], *BY_MEASUREMENTS[3:]]
        if quick
        else BY_EXPANSION + BY_MEASUREMENTS
    )
    rows: list[Row] = []
    for depth, expansion, ratio in cells:
        m = None if ratio == math.inf else round(ratio * LATENT)
        for net in range(nets):
            w = world.make(net, LATENT, world.expanding(LATENT, expansion, depth), m)
            nearby = 0.1 * world.normal(net, "near", starts, LATENT)
            z = -landscape.mirror(depth) * w.truth + nearby
            for flip in (1, 0):
                path = w.descend(z, steps, flip=bool(flip))
                errors = torch.stack([w.errors(place) for place in path])
                key: Row = {"depth": depth, "expansion": expansion, "m_over_k": ratio, "net": net}
                rows.append(key | {"flip": flip} | told(errors))
    return rows


def told(errors: Tensor) -> Row:
    """What the errors (steps, starts) of one network say."""
    reached = errors < 1e-2
    first = torch.where(reached.any(0), reached.double().argmax(0), math.inf)
    fits = [rate(column) for column in errors.T if float(column[-1]) < 1e-2]
    return {
        "success": float(reached[-1].double().mean()),
        "steps_to_1e-2": float(first.median()),
        "rate": interval(slope for slope, _ in fits).mean,
        "r2": interval(square for _, square in fits).mean,
    }


def rate(errors: Tensor) -> tuple[float, float]:
    """(−slope, R²) of the log error against the step, from 0.1 to 10⁻⁹."""
    steps = ((errors < 0.1) & (errors > 1e-9)).nonzero().flatten()
    slope, square = line(steps.tolist(), errors[steps].log().tolist())
    return -slope, square


def findings(rows: list[Row]) -> list[str]:
    said = []
    for depth, expansion, ratio in settings(rows, "depth", "expansion", "m_over_k"):
        cell = where(rows, depth=depth, expansion=expansion, m_over_k=ratio)
        checked, plain = where(cell, flip=1), where(cell, flip=0)
        with_, without = (interval(float(r["success"]) for r in p) for p in (checked, plain))
        pairs = zip(checked, plain, strict=True)
        gain = interval(float(a["success"]) - float(b["success"]) for a, b in pairs)
        linear = interval(float(row["r2"]) for row in checked)
        speed = interval(float(row["rate"]) for row in checked)
        said.append(
            f"depth {depth}, expansion {expansion:g}, m/k {ratio:g}: success {with_.mean:.2f} with"
            f" the check, {without.mean:.2f} without, difference {gain};"
            f" rate {speed} a step, R² of the line {linear.mean:.4f}"
        )
    return said


def draw(rows: list[Row], figure: Figure) -> None:
    full = [row for row in rows if row["m_over_k"] == math.inf]
    part = [row for row in rows if row["m_over_k"] != math.inf]
    left, middle, right = style.panels(figure, 3)
    for (depth,), colour in zip(settings(full, "depth"), style.COLOURS, strict=False):
        curves(left, where(full, depth=depth), "expansion", "success", colour, f"depth {depth}")
        curves(right, where(full, depth=depth), "expansion", "steps_to_1e-2", colour, None)
    curves(middle, part, "m_over_k", "success", style.COLOURS[1], "depth 2, expansion 10")
    right.set_yscale("log")
    style.named(
        left, "everything is measured", "expansion", "share that finds x", "dashed: no check"
    )
    style.named(middle, "m Gaussian measurements", "m / k", "share that finds x", "")
    style.named(right, "steps until the error is 10⁻²", "expansion", "steps (median)")


def curves(ax, rows, x, y, colour, label) -> None:  # noqa: ANN001
    """The mean over networks with the check (line) and without (dashed)."""
    for flip, look in ((1, "o-"), (0, "o--")):
        mine = where(rows, flip=flip)
        xs = [float(value) for (value,) in settings(mine, x)]
        ys = [interval(float(r[y]) for r in where(mine, **{x: value})).mean for value in xs]
        pairs = sorted(zip(xs, ys, strict=True))
        shown = label if flip else None
        ax.plot(*zip(*pairs, strict=True), look, color=colour, label=shown, markersize=4)
