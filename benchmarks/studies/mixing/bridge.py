"""(f) The same coupling for `sgilo` on faces64: starts apart, equal noise from some pass on.

One chain runs with keys K. Others run with keys of their own up to a pass and with K from there:
from the start, from the annealing of stage 3, or from Langevin on; or never, which is the distance
of independent chains. The distance is that of their images. Both dynamics are run: that of the
theorem and the default of `sgilo`. Only `Problem.keys` and `Solver.run` are used.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator

from matplotlib.figure import Figure

from benchmarks.studies.mixing import style
from benchmarks.studies.mixing.intervals import Row, interval, line, settings, where
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.runs.inputs import prepare
from invprob.solver import Problem, Progress, Solver

OPERATOR = "inpaint:keep=0.1"
DYNAMICS = ("overdamped", "kinetic")
EVERY = 5
"""Passes between two distances that are written."""


def run(quick: bool) -> list[Row]:
    return [row for dynamics in DYNAMICS for row in of(dynamics, quick)]


def of(dynamics: str, quick: bool) -> list[Row]:
    """The rows of one dynamics."""
    stages, pictures, every, probes = ((2, 12), 1, 1, 2) if quick else ((60, 240), 3, EVERY, 8)
    annealed = stages[0] + stages[1] // 3
    table = {
        "solver": f"sgilo:dynamics={dynamics},stages=1,3"
        f",steps={stages[0]},{stages[1]},anneal={1 / 3},fisher_probes={probes}",
        "operator": OPERATOR,
        "limit": pictures,
        "samples": 1,
    }
    experiment = Experiment.parse(table).resolve(registry())
    parts, data = prepare(experiment, registry())
    p = parts.problem(data.y, 1, experiment.seed)
    shared = {"start": 0, "stage 3": stages[0], "Langevin": annealed, "never": sum(stages)}
    chains = [switched(parts.solver, p, at) for at in shared.values()]
    rows: list[Row] = []
    for passes, (one, *others) in enumerate(
        zip(parts.solver.run(p), *chains, strict=True), start=1
    ):
        if passes % every:
            continue
        for name, other in zip(shared, others, strict=True):
            gap = (one.info.image - other.info.image).square().flatten(1).mean(1).sqrt()
            for picture, distance in enumerate(gap.tolist()):
                rows.append(
                    {"dynamics": dynamics, "shared_from": name, "at": shared[name]}
                    | {"picture": picture, "passes": passes}
                    | {"stage": one.info.stage, "distance": distance}
                )
    return rows


def switched(solver: Solver, p: Problem, at: int) -> Iterator[Progress]:
    """A run with other keys, that gets the keys of `p` after so many passes, its start being its
    own all the same."""
    own = dataclasses.replace(p, keys=tuple(key + 1 for key in p.keys))
    state = solver.init(own)
    for progress in itertools.islice(solver.run(own, state), at):
        state = progress.state
        yield progress
    yield from solver.run(p, state)


def findings(rows: list[Row]) -> list[str]:
    said = []
    last = max(int(row["passes"]) for row in rows)
    for dynamics, name, at in settings(rows, "dynamics", "shared_from", "at"):
        mine = where(rows, dynamics=dynamics, shared_from=name)
        end = interval(float(row["distance"]) for row in where(mine, passes=last))
        text = f"{dynamics}, noise shared from {name}: images are {end} apart after {last} passes"
        if name != "never":
            text += f"; the logarithm changes by {slope(mine, int(at))} in 100 passes of Langevin"
        said.append(text)
    return said


def slope(rows: list[Row], at: int) -> object:
    """The change of the log distance in the second half of the run, over pictures."""
    last, found = max(int(row["passes"]) for row in rows), []
    for (picture,) in settings(rows, "picture"):
        mine = [r for r in where(rows, picture=picture) if int(r["passes"]) > max(at, last // 2)]
        fitted = [(float(r["passes"]), math.log(float(r["distance"]) + 1e-12)) for r in mine]
        found.append(100 * line(*zip(*fitted, strict=True))[0] if len(fitted) > 2 else math.nan)
    return interval(found)


def draw(rows: list[Row], figure: Figure) -> None:
    kinds = [str(kind) for (kind,) in settings(rows, "dynamics")]
    for ax, kind in zip(style.panels(figure, len(kinds)), kinds, strict=True):
        shown = where(rows, dynamics=kind)
        marked = zip(settings(shown, "shared_from", "at"), style.COLOURS, strict=False)
        for (name, at), colour in marked:
            mine = where(shown, shared_from=name)
            xs = [int(x) for (x,) in settings(mine, "passes")]
            cells = [
                [math.log(float(r["distance"]) + 1e-12) for r in where(mine, passes=x)] for x in xs
            ]
            ax.plot(xs, [math.exp(interval(c).mean) for c in cells], color=colour, label=str(name))
            if name != "never":
                ax.axvline(float(at), color=colour, linewidth=0.8, linestyle=":")
        ax.set_yscale("log")
        style.named(
            ax, f"sgilo on faces64, {kind}", "passes", "distance of images (rms)", "shared from"
        )
