"""(b) The squared error of descent with the sign check against σ² k/m.

Each of the m measurements has noise of variance σ²/m, in which ‖A G(x)‖ is about ‖x‖.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from benchmarks.studies.mixing import style, world
from benchmarks.studies.mixing.intervals import Row, interval, power, settings, where

CENTRE = {"sigma": 0.1, "latent": 8.0, "m": 400.0}
SWEEPS = {
    "sigma": (0.01, 0.03, 0.1, 0.3),
    "latent": (4.0, 8.0, 16.0, 32.0),
    "m": (100.0, 200.0, 400.0, 800.0),
}
EXPANSION = 10


def run(quick: bool) -> list[Row]:
    nets, starts, steps = (2, 1, 50) if quick else (6, 2, 250)
    rows: list[Row] = []
    for swept, values in SWEEPS.items():
        for value in values[:3] if quick else values:
            at = CENTRE | {swept: value}
            k, m = int(at["latent"]), int(at["m"])
            for net in range(nets):
                w = world.make(net, k, world.expanding(k, EXPANSION, 2), m, at["sigma"])
                *_, z = w.descend(world.normal(net, "starts", starts, k), steps, flip=True)
                error = float((z - w.truth).square().sum(1).median())
                predicted = at["sigma"] ** 2 * k / m
                key: Row = {"swept": swept, **at, "net": net}
                rows.append(key | {"predicted": predicted, "squared_error": error})
    return rows


def findings(rows: list[Row]) -> list[str]:
    said = []
    for (swept,) in settings(rows, "swept"):
        mine = where(rows, swept=swept)
        found = power(mine, swept, "squared_error")
        expected = {"sigma": 2, "latent": 1, "m": -1}[str(swept)]
        said.append(f"‖z − x‖² ∝ {swept}^p: p = {found}, predicted {expected}")
    factor = interval(float(row["squared_error"]) / float(row["predicted"]) for row in rows)
    said.append(f"‖z − x‖² / (σ² k/m) = {factor} over all rows")
    return said


def draw(rows: list[Row], figure: Figure) -> None:
    (ax,) = style.panels(figure, 1)
    for (swept,), colour in zip(settings(rows, "swept"), style.COLOURS, strict=False):
        mine = where(rows, swept=swept)
        x = [float(row["predicted"]) for row in mine]
        ax.plot(x, [float(row["squared_error"]) for row in mine], "o", color=colour, label=swept,
                markersize=4, alpha=0.6)  # fmt: skip
    ends = [min(float(r["predicted"]) for r in rows), max(float(r["predicted"]) for r in rows)]
    ax.plot(ends, ends, color="0.4", linewidth=0.8)
    ax.set_xscale("log")
    ax.set_yscale("log")
    style.named(ax, "noisy measurements", "σ² k / m", "‖z − x‖²", "swept")
