"""(d) The distribution that Langevin settles in: W₂ to draws of exp(−βf), and the bias in η.

The draws to compare with are MALA's. Both start around the truth, for (c) is about how chains come
there. W₂² between finite samples is too large by what two samples of one distribution differ; half
the W₂² within each side is taken off. β follows the length of x, as if ‖x‖² were k.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor

from benchmarks.studies.mixing import langevin, style, world
from benchmarks.studies.mixing.intervals import Row, interval, power, power_of_mean, settings, where

LATENT, WIDTHS, BETA = 2, (64, 320), 100.0
ETAS = (0.6, 0.4, 0.2, 0.1)
GOLD_STEP = 0.1


def run(quick: bool) -> list[Row]:
    nets, points, pools = (2, 64, 2) if quick else (6, 512, 6)
    rows: list[Row] = []
    for net in range(nets):
        w = world.make(net, LATENT, WIDTHS)
        beta = BETA * LATENT / float(w.truth.square().sum())
        start = w.truth + world.normal(net, "gold", points, LATENT) / math.sqrt(beta)
        chains = langevin.adjusted(w, start, GOLD_STEP, beta, net)
        gold = langevin.snapshots(chains, 200, round(6 / GOLD_STEP), pools)
        for eta in ETAS[:3] if quick else ETAS:
            chains = langevin.alone(w, start, eta, beta, net)
            draws = langevin.snapshots(chains, round(15 / eta), round(6 / eta), pools)
            rows.append({"net": net, "eta": eta} | compared(draws, gold))
    return rows


def compared(draws: Tensor, gold: Tensor) -> Row:
    """W₂ of draws (pools, points, k) to exact ones, in units of the exact spread; the spread."""
    exact, mine = (x.flatten(0, 1).var(0).sum().sqrt().item() for x in (gold, draws))
    across = np.mean([squared_w2(a, b) for a, b in zip(draws, gold, strict=True)])
    within = [squared_w2(x[i], x[i - 1]) for x in (draws, gold) for i in range(len(x))]
    return {
        "w2_squared": float(across - np.mean(within)) / exact**2,
        "w2_raw": math.sqrt(across) / exact,
        "spread": mine / exact,
        "excess": mine / exact - 1,
    }


def squared_w2(a: Tensor, b: Tensor) -> float:
    """The squared 2-Wasserstein distance of two samples of the same size, exact."""
    cost = cdist(a.numpy(), b.numpy(), "sqeuclidean")
    return float(cost[linear_sum_assignment(cost)].mean())


def findings(rows: list[Row]) -> list[str]:
    said = []
    for (eta,) in settings(rows, "eta"):
        cell = where(rows, eta=eta)
        square, raw, spread = (
            interval(float(row[part]) for row in cell)
            for part in ("w2_squared", "w2_raw", "spread")
        )
        middle, low, high = map(root, square[:3])
        said.append(
            f"η {eta:g}: W₂ {middle:.3f} [{low:.3f}, {high:.3f}]"
            f" spreads of the exact distribution (raw {raw.mean:.3f}), spread {spread} of the exact"
        )
    said.append(f"W₂² ∝ η^p: p = {power_of_mean(rows, 'eta', 'w2_squared')}")
    said.append(f"spread − 1 ∝ η^p: p = {power(rows, 'eta', 'excess')}")
    return said


def root(square: float) -> float:
    """√ of a square that may have come out negative, as an unbiased one can."""
    return math.sqrt(max(0.0, square))


def draw(rows: list[Row], figure: Figure) -> None:
    left, right = style.panels(figure, 2)
    etas = [float(eta) for (eta,) in settings(rows, "eta")]
    for ax, part in ((left, "w2_squared"), (right, "excess")):
        cells = [[float(row[part]) for row in where(rows, eta=eta)] for eta in etas]
        found = [interval(cell) for cell in cells]
        for eta, cell in zip(etas, cells, strict=True):
            ax.plot([eta] * len(cell), cell, "o", color=style.COLOURS[0], alpha=0.4, markersize=4)
        spread = [[f.mean - f.low for f in found], [f.high - f.mean for f in found]]
        means = [f.mean for f in found]
        ax.errorbar(etas, means, spread, fmt="s-", color=style.COLOURS[1], markersize=4)
        exponent = 2 if ax is left else 1
        line = [means[0] * (eta / etas[0]) ** exponent for eta in etas]
        ax.plot(etas, line, "--", color="0.4", linewidth=0.8)
        style.logarithmic(ax, etas)
        ax.set_yscale("log")
    style.named(left, "W₂² to exp(−βf) (dashed: ∝ η²)", "η", "W₂² / spread²")
    style.named(right, "excess of the spread (dashed: ∝ η)", "η", "spread / exact spread − 1")
