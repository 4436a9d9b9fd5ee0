"""How often intervals hold the truth, on pictures that the generator itself makes from its prior.

    python benchmarks/studies/coverage.py --pictures 64 --out coverage.csv
    python benchmarks/studies/coverage.py --pictures 3 --task inpaint:keep=0.1

Of such pictures the prior is right, so that intervals of 50, 80 and 90 % of a right sampler hold
50, 80 and 90 % of the pixels. A row of the file is a picture, and what it has is not computed
again. The settings spend about the same number of passes through the generator.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob import seeds
from invprob.analysis import metrics
from invprob.analysis.diagnostics import examine
from invprob.analysis.draws import Draws
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.runs import build
from invprob.runs.loop import drive

TASKS = ("inpaint:keep=0.1", "inpaint:keep=0.01", "superres:factor=16", "inpaint:box=24x24")
SETTINGS = {
    "overdamped": ("sgilo:dynamics=overdamped", 4),
    "kinetic": ("sgilo", 4),
    "kinetic, short": ("sgilo:steps=60,100,anneal=0.6,fisher_probes=3", 8),
}
"""Solver and chains."""

LEVELS = (0.5, 0.8, 0.9)


def covered(draws: Tensor, truth: Tensor, level: float) -> float:
    """The part of the pixels in the central interval, by ranks.

    Args:
        draws: n draws, (n, C, H, W).
        truth: (C, H, W).
        level: Of the interval, in (0, 1).

    Returns:
        A part in [0, 1]; `level` on average if the truth is one more draw, whatever n is.
    """
    n = len(draws)
    rank = (draws < truth).sum(0)
    low, high = (n + 1) * (1 - level) / 2, (n + 1) * (1 + level) / 2
    # a rank is an interval of length 1, of which a part may lie inside
    inside = (rank + 1).clamp(max=high) - rank.clamp(min=low)
    return float(inside.clamp(0, 1).mean())


def solved(task: str, setting: str, picture: int) -> dict[str, Any]:
    """Solve the measurement of one picture and judge the draws."""
    solver, samples = SETTINGS[setting]
    table = {"solver": solver, "operator": task, "samples": samples, "device": "cpu"}
    parts = build.parts(Experiment.parse(table).resolve(registry()), registry())
    G, A = parts.generator, parts.operator
    with torch.no_grad():
        truth = G(G.sample(1, seeds.stream("coverage", picture)))
        y = A.measure(truth, [seeds.stream("coverage noise", picture)])
        problem = parts.problem(y, samples, picture)
        kept = Draws(problem, samples)
        drive(parts.solver, problem, [kept])
    drawn = kept.drawn()
    assert drawn is not None
    found = examine(drawn, y[0].numel(), [()])[0]
    images, truth = drawn.images[0].flatten(0, 1).float(), truth[0]
    mean = images.mean(0)
    error = float((mean - truth).square().mean())
    row = {"task": task, "setting": setting, "picture": picture}
    row |= {f"coverage {q:.0%}": covered(images, truth, q) for q in LEVELS}
    spread = math.sqrt(float(images.var(0).mean()) / error)
    row |= {"psnr": -10 * math.log10(error), "crps": metrics.crps(images, truth)}
    row |= {"spread/error": spread, "undecided": found.undecided, "stuck": len(found.stuck)}
    return row | {"best chi2": min(found.chi2), "worst chi2": max(found.chi2), "r_hat": found.r_hat}


def averages(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line of Markdown for each task and setting: means over pictures."""
    names = [name for name in rows[0] if name not in ("task", "setting", "picture")]
    yield "| task | setting | pictures | " + " | ".join(names) + " |"
    yield "|" + "---|" * (len(names) + 3)
    for task, setting in dict.fromkeys((row["task"], row["setting"]) for row in rows):
        mine = [row for row in rows if (row["task"], row["setting"]) == (task, setting)]
        figures = [sum(float(row[name]) for row in mine) / len(mine) for name in names]
        cells = [f"{value:.3g}" for value in figures]
        yield f"| `{task}` | {setting} | {len(mine)} | " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=3)
    parser.add_argument("--task", action="append", help="repeatable; default: all four")
    parser.add_argument("--setting", action="append", choices=list(SETTINGS))
    parser.add_argument("--out", type=Path, default=Path("coverage.csv"))
    given = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    if given.out.is_file():
        with given.out.open(newline="") as file:
            rows = list(csv.DictReader(file))
    done = {(row["task"], row["setting"], int(row["picture"])) for row in rows}
    for picture in range(given.pictures):
        for task in given.task or TASKS:
            for setting in given.setting or SETTINGS:
                if (task, setting, picture) in done:
                    continue
                rows.append(solved(task, setting, picture))
                with given.out.open("w", newline="") as file:
                    writer = csv.DictWriter(file, list(rows[0]))
                    writer.writeheader()
                    writer.writerows(rows)
    print("\n".join(averages(rows)))


if __name__ == "__main__":
    main()
