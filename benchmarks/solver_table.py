"""Every solver on every operator: PSNR, SSIM, misfit and seconds on the same stored pictures.

    python benchmarks/solver_table.py IMAGES.zip --limit 32 --out benchmarks/results/solver_table

All solvers see the same measurements: they follow from the seed and the picture alone. Rows are
appended as they are finished; a second call computes only what is missing.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from pathlib import Path

from invprob.analysis import metrics
from invprob.config.experiment import Experiment, ResolvedExperiment
from invprob.config.registry import registry
from invprob.runs.inputs import prepare
from invprob.runs.session import solve

OPERATORS = [
    "identity",
    "inpaint:keep=0.1",
    "inpaint:box=24x24",
    "inpaint:half=left",
    "superres:factor=4",
    "superres:factor=4,kernel=average",
    "blur:sigma=2",
    "blur:motion=9,angle=30",
    "colorize",
    "compressed:matrix=circulant,ratio=0.1",
    "compressed:matrix=gaussian,ratio=0.05",
    "blur:sigma=1|superres:factor=2",
]
SOLVERS = ["csgm", "ilo", "sgilo"]
FILL = "fill"
"""Not a solver: the holes of `inpaint` filled with the mean of the measured colours."""
FIELDS = ["psnr_mean", "ssim_mean", "psnr_sample", "ssim_sample", "misfit_mean", "misfit_sample"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images")
    parser.add_argument("--limit", type=int, default=32)
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--noise", default="gaussian:sigma=0.02")
    parser.add_argument("--generator", default="stylegan2")
    parser.add_argument("--prior", default="pixel-diffusion", help="of solvers without generator")
    parser.add_argument("--operators", nargs="*", default=OPERATORS)
    parser.add_argument("--solvers", nargs="*", default=SOLVERS)
    parser.add_argument("--out", default="benchmarks/results/solver_table")
    args = parser.parse_args()
    file = Path(args.out).with_suffix(".csv")
    file.parent.mkdir(parents=True, exist_ok=True)
    done = {(row["operator"], row["solver"]) for row in read(file)}
    for operator in args.operators:
        fill = [FILL] if operator.startswith("inpaint") else []
        for solver in [*fill, *args.solvers]:
            if (operator, solver) not in done:
                append(file, cell(args, operator, solver))
    table = markdown(read(file))
    file.with_suffix(".md").write_text(table)
    print(table)


def cell(args: argparse.Namespace, operator: str, solver: str) -> dict[str, str]:
    """Solve one cell of the table; the mean of each figure over the pictures."""
    table = {
        "images": [args.images],
        "limit": args.limit,
        "operator": operator,
        "noise": args.noise,
        "samples": args.samples,
    }
    if solver == FILL:
        return filled(
            Experiment.parse(table | {"generator": args.generator}).resolve(registry()), operator
        )
    experiment = Experiment.parse(table | {"solver": solver})
    if "generator" in registry().find("solver", experiment.solver.name).component.needs:
        experiment = Experiment.parse(table | {"solver": solver, "generator": args.generator})
    else:
        experiment = Experiment.parse(table | {"solver": solver, "prior": {"0": args.prior}})
    with tempfile.TemporaryDirectory() as folder:
        solve(experiment.resolve(registry()), registry(), Path(folder) / "run")
        figures = json.loads((Path(folder) / "run" / "metrics.json").read_text())
    rows = figures["images"]
    means = {k: f"{sum(row[k] for row in rows) / len(rows):.3f}" for k in FIELDS}
    return {
        "operator": operator,
        "solver": solver,
        "pictures": str(len(rows)),
        "samples": str(args.samples),
        **means,
        "seconds": f"{figures['seconds']:.1f}",
    }


def filled(experiment: ResolvedExperiment, operator: str) -> dict[str, str]:
    """The cell of a picture that keeps what was measured, and is of one colour elsewhere."""
    parts, data = prepare(experiment, registry())
    assert data.truth is not None
    channels = data.truth.shape[1]
    colours = data.y.reshape(len(data.y), channels, -1).mean(2)[..., None, None]
    flat = colours.expand_as(data.truth)
    picture = flat + parts.operator.adjoint(data.y - parts.operator(flat))
    psnr = float(metrics.psnr(picture, data.truth).mean())
    ssim = float(metrics.ssim(picture, data.truth).mean())
    chi2 = float(parts.operator.chi2(data.y, picture).mean())
    figures = dict(zip(FIELDS, (psnr, ssim, psnr, ssim, chi2, chi2), strict=True))
    return {
        "operator": operator,
        "solver": FILL,
        "pictures": str(len(data.y)),
        "samples": "1",
        **{k: f"{v:.3f}" for k, v in figures.items()},
        "seconds": "0",
    }


def read(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def append(file: Path, row: dict[str, str]) -> None:
    new = not file.is_file()
    with file.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, row)
        if new:
            writer.writeheader()
        writer.writerow(row)


def markdown(rows: list[dict[str, str]]) -> str:
    """PSNR and SSIM of the mean, misfit of a sample (1 is the noise level) and seconds; by operator
    as they are listed above."""
    lines = [
        "| operator | solver | PSNR (dB) | SSIM | misfit | seconds |",
        "|---|---|---|---|---|---|",
    ]
    place = {operator: i for i, operator in enumerate(OPERATORS)}
    rows = sorted(rows, key=lambda r: (place.get(r["operator"], len(place)), r["solver"]))
    for row in rows:
        figures = [row[k] for k in ("psnr_mean", "ssim_mean", "misfit_sample", "seconds")]
        operator = row["operator"].replace("|", "\\|")
        lines.append(f"| `{operator}` | {row['solver']} | " + " | ".join(figures) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
