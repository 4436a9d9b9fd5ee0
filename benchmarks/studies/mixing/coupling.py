"""(c) Two Langevin chains with the same noise, from N(0, I) and from −2x: how fast they meet.

The distance is the root mean square over pairs, which bounds W₂ between the two distributions. Two
figures follow: the steps until it is 1 % of the first distance, and the rate at which its logarithm
falls from 10 % to 0.1 %.
"""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from benchmarks.studies.mixing import langevin, style, world
from benchmarks.studies.mixing.intervals import Row, interval, line, power, settings, where

CENTRE = {"eta": 0.2, "beta": 200.0, "latent": 8.0}
SWEEPS = {
    "eta": (0.4, 0.2, 0.1, 0.05),
    "beta": (50.0, 200.0, 1000.0),
    "latent": (4.0, 8.0, 16.0, 32.0),
}
EXPANSION = 10
HORIZON = 60
"""Sum of step sizes after which chains that have not met are given up."""
KEPT = 60
"""Distances of a run that are written."""


def run(quick: bool) -> list[Row]:
    nets, pairs = (2, 4) if quick else (6, 32)
    rows: list[Row] = []
    for swept, values in SWEEPS.items():
        for value in values[:3] if quick else values:
            at = CENTRE | {swept: value}
            for net in range(nets):
                path = distances(net, pairs, int(at["latent"]), at["eta"], at["beta"])
                rows.append({"swept": swept, **at, "net": net} | told(path))
    return rows


def distances(net: int, pairs: int, k: int, eta: float, beta: float) -> list[float]:
    """The distance before every step, over the first, until it is 10⁻³."""
    w = world.make(net, k, world.expanding(k, EXPANSION, 2))
    start = world.normal(net, "far", pairs, k), -2 * w.truth.expand(pairs, -1)
    first, path = langevin.gap(*start), [1.0]
    chains = langevin.coupled(w.gradient, *start, eta, beta, net)
    while path[-1] > 1e-3 and len(path) * eta < HORIZON:
        path.append(langevin.gap(*next(chains)) / first)
    return path


def told(path: list[float]) -> Row:
    """What the distances of a run say."""
    met = next((step for step, d in enumerate(path) if d < 0.01), math.inf)
    falling = [step for step, d in enumerate(path) if 1e-3 < d < 0.1]
    slope, square = line(falling, [math.log(path[step]) for step in falling])
    every = max(1, len(path) // KEPT)
    kept = " ".join(f"{d:.3g}" for d in path[::every])
    return {"steps": met, "rate": -slope, "r2": square, "every": every, "path": kept}


def findings(rows: list[Row]) -> list[str]:
    met = sum(float(row["steps"]) < math.inf for row in rows)
    said = [f"{met} of {len(rows)} runs have come within 1 % of the first distance"]
    expected = {"eta": "1", "beta": "0", "latent": "a constant (a power of k)"}
    for (swept,) in settings(rows, "swept"):
        mine = where(rows, swept=swept)
        said.append(
            f"rate a step ∝ {swept}^p: p = {power(mine, swept, 'rate')},"
            f" steps to 1 % ∝ {swept}^q: q = {power(mine, swept, 'steps')};"
            f" expected p = {expected[str(swept)]}"
        )
    centre = where(rows, swept="eta", **CENTRE)
    said.append(
        f"at η {CENTRE['eta']:g}, β {CENTRE['beta']:g}, k {CENTRE['latent']:g}: "
        f"{interval(float(r['steps']) for r in centre)} steps to 1 %,"
        f" rate {interval(float(r['rate']) for r in centre)} a step,"
        f" R² of the line {interval(float(r['r2']) for r in centre).mean:.3f}"
    )
    return said


def draw(rows: list[Row], figure: Figure) -> None:
    symbols = {"eta": "η", "beta": "β", "latent": "k"}
    first, *others = style.panels(figure, 4)
    mine = where(rows, swept="eta", net=0)
    for row, colour in zip(mine, style.COLOURS, strict=False):
        path = [float(d) for d in str(row["path"]).split()]
        time = [i * float(row["every"]) * float(row["eta"]) for i in range(len(path))]
        first.plot(time, path, color=colour, label=f"{row['eta']:g}")
    first.set_yscale("log")
    style.named(first, "distance of the chains, one network", "η × steps", "over the first", "η")
    for ax, (swept,) in zip(others, settings(rows, "swept"), strict=True):
        mine = where(rows, swept=swept)
        for part, colour, label in zip(("rate", "steps"), style.COLOURS, LABELS, strict=False):
            xs = [float(x) for (x,) in settings(mine, str(swept))]
            cells = [[float(r[part]) for r in where(mine, **{str(swept): x})] for x in xs]
            found = [interval(1 / v if part == "steps" else v for v in cell) for cell in cells]
            middle = [f.mean for f in found]
            spread = [[f.mean - f.low for f in found], [f.high - f.mean for f in found]]
            style.logarithmic(ax, xs)
            ax.errorbar(xs, middle, spread, fmt="o-", color=colour, label=label, markersize=4)
        ax.set_yscale("log")
        symbol = symbols[str(swept)]
        style.named(ax, f"against {symbol}", symbol, "per step", "" if ax is others[0] else None)


LABELS = ("rate at the end", "1 / steps to 1 %")
