"""Measure what the theory of SGILO says, and where it stops.

    python -m benchmarks.studies.mixing            # everything, about 12 minutes of a core
    python -m benchmarks.studies.mixing --quick    # everything in small, about ten seconds
    python -m benchmarks.studies.mixing --stored   # print and draw what was measured before

A CSV and a PNG for each experiment; findings with 95 % intervals over networks on the terminal.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import time
from pathlib import Path

import torch
from matplotlib.figure import Figure

from benchmarks.studies.mixing.intervals import Row

EXPERIMENTS = (
    "gradient", "profile", "stationary", "sign_check", "noise", "coupling", "gibbs", "spread",
    "narrow", "bridge",
)  # fmt: skip
ROOT = Path(__file__).parents[3]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.mixing",
                                     description=(__doc__ or "").splitlines()[0])  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all runs")
    parser.add_argument("--stored", action="store_true", help="measure nothing, read the results")
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=EXPERIMENTS)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/mixing")
    parser.add_argument("--plots", type=Path, default=ROOT / "docs/images/mixing")
    args = parser.parse_args(arguments)
    for folder in (args.out, args.plots):
        folder.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        experiment = importlib.import_module(f"benchmarks.studies.mixing.{name}")
        file, began = args.out / f"{name}.csv", time.perf_counter()
        if not args.stored:
            with torch.no_grad():
                write(file, experiment.run(args.quick))
        rows = read(file)
        took = "" if args.stored else f" [{time.perf_counter() - began:.0f} s]"
        print(f"\n{experiment.__doc__.splitlines()[0]}{took}")
        for finding in experiment.findings(rows):
            print(f"  {finding}", flush=True)
        figure = Figure(layout="constrained")
        experiment.draw(rows, figure)
        figure.savefig(args.plots / f"{name}.png", dpi=110)


def write(file: Path, rows: list[Row]) -> None:
    """Write the rows with five digits."""
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})


def read(file: Path) -> list[Row]:
    """The rows of a result file, numbers as numbers."""
    with file.open(newline="") as stream:
        return [{k: number(v) for k, v in row.items()} for row in csv.DictReader(stream)]


def number(text: str) -> float | str:
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() and "." not in text and "e" not in text else value


if __name__ == "__main__":
    main()
