"""(e) Where expansion fails, descent and Langevin fail: the same measures for narrow networks.

Two layers of k e and k e² units; and three layers that narrow again, 20k, 16k and 12k, which
Joshi et al. and Cocola's R2WDC allow and Hand and Voroninski's condition does not.
"""

from __future__ import annotations

import itertools

from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.studies.mixing import langevin, style, world
from benchmarks.studies.mixing.intervals import Row, interval, settings, where
from benchmarks.studies.mixing.world import World

LATENT, BETA, LENGTH = 8, 200.0, 40.0
EXPANSIONS = (0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
NARROWING = "20, 16, 12"


def run(quick: bool) -> list[Row]:
    nets, starts, steps, length = (2, 8, 100, 5) if quick else (6, 12, 300, LENGTH)
    shapes = {f"{e:g}": world.expanding(LATENT, e, 2) for e in EXPANSIONS}
    shapes[NARROWING] = [20 * LATENT, 16 * LATENT, 12 * LATENT]
    rows: list[Row] = []
    for name in list(shapes)[::3] if quick else shapes:
        for net in range(nets):
            w = world.make(net, LATENT, shapes[name])
            far = world.normal(net, "far", starts, LATENT)
            *_, found = w.descend(far, steps, flip=True)
            key: Row = {"shape": name, "net": net}
            success = float((w.errors(found) < 0.01).double().mean())
            rows.append(key | {"success": success, "distance": kept(w, far, length, net)})
    return rows


def kept(w: World, far: Tensor, length: float, net: int) -> float:
    """The part of their distance that coupled chains from `far` and −2x keep for this time."""
    start, eta = (far, -2 * w.truth.expand(len(far), -1)), 0.5 * w.step_size()
    chains = langevin.coupled(w.gradient, *start, eta, BETA, net)
    last = next(itertools.islice(chains, int(length / eta), None))
    return langevin.gap(*last) / langevin.gap(*start)


def findings(rows: list[Row]) -> list[str]:
    said = []
    for (shape,) in settings(rows, "shape"):
        cell = where(rows, shape=shape)
        success, distance = (interval(float(r[c]) for r in cell) for c in ("success", "distance"))
        what = "widths over k" if shape == NARROWING else "expansion"
        said.append(
            f"{what} {shape}: descent with the check finds x from {success} of starts,"
            f" coupled chains keep {distance} of their distance"
        )
    return said


def draw(rows: list[Row], figure: Figure) -> None:
    names = [shape for (shape,) in settings(rows, "shape")]
    for ax, part, title in zip(
        style.panels(figure, 2),
        ("success", "distance"),
        ("descent with the sign check", "coupled Langevin, after η × steps = 40"),
        strict=True,
    ):
        found = [interval(float(row[part]) for row in where(rows, shape=name)) for name in names]
        for i, name in enumerate(names):
            dots = [float(row[part]) for row in where(rows, shape=name)]
            ax.plot([i] * len(dots), dots, "o", color=style.COLOURS[0], alpha=0.3, markersize=4)
        ax.plot(range(len(names)), [f.mean for f in found], "_", color=style.COLOURS[1],
                markersize=16, markeredgewidth=2)  # fmt: skip
        ax.set_xticks(range(len(names)), [str(name) for name in names])
        ax.set_ylim(-0.03, None)
        y = "share that finds x" if part == "success" else "distance / first distance"
        style.named(ax, title, "expansion (last: widths / k)", y)
