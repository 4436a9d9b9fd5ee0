"""(d) The spread of exp(−βf) around the truth against √(k/β), by MALA."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from benchmarks.studies.mixing import langevin, style, world
from benchmarks.studies.mixing.intervals import Row, interval, power, settings, where

CENTRE = {"latent": 4.0, "beta": 200.0}
SWEEPS = {"beta": (50.0, 200.0, 800.0, 3200.0), "latent": (2.0, 4.0, 8.0, 16.0)}
EXPANSION = 12


def run(quick: bool) -> list[Row]:
    nets, count, steps = (2, 32, 80) if quick else (6, 64, 300)
    rows: list[Row] = []
    for swept, values in SWEEPS.items():
        for value in values[:3] if quick else values:
            at = CENTRE | {swept: value}
            k, beta = int(at["latent"]), at["beta"]
            for net in range(nets):
                w = world.make(net, k, world.expanding(k, EXPANSION, 2))
                z = w.truth + world.normal(net, "start", count, k) / math.sqrt(beta)
                chains = langevin.adjusted(w, z, 0.1, beta, net)
                draws = langevin.snapshots(chains, steps // 2, steps // 8, 5)
                spread = float((draws - w.truth).square().sum(2).mean().sqrt())
                key: Row = {"swept": swept, **at, "net": net}
                rows.append(key | {"scale": math.sqrt(k / beta), "spread": spread})
    return rows


def findings(rows: list[Row]) -> list[str]:
    said = []
    for (swept,) in settings(rows, "swept"):
        found = power(where(rows, swept=swept), "scale", "spread")
        said.append(f"spread ∝ √(k/β)^p by {swept}: p = {found}, predicted 1")
    factor = interval(float(row["spread"]) / float(row["scale"]) for row in rows)
    said.append(f"spread / √(k/β) = {factor} over all rows")
    return said


def draw(rows: list[Row], figure: Figure) -> None:
    (ax,) = style.panels(figure, 1)
    for (swept,), colour in zip(settings(rows, "swept"), style.COLOURS, strict=False):
        x, y = ([float(row[c]) for row in where(rows, swept=swept)] for c in ("scale", "spread"))
        label = {"beta": "β", "latent": "k"}[str(swept)]
        ax.plot(x, y, "o", color=colour, label=label, markersize=4, alpha=0.6)
    ends = [min(float(r["scale"]) for r in rows), max(float(r["scale"]) for r in rows)]
    ax.plot(ends, ends, color="0.4", linewidth=0.8)
    style.logarithmic(ax, (float(f"{row['scale']:.2g}") for row in rows))
    ax.set_yscale("log")
    style.named(ax, "spread of exp(−βf) around x", "√(k/β)", "root mean square ‖z − x‖", "swept")
