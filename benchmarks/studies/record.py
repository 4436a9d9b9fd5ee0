"""The tables of the stored measurements in benchmarks/results/, as docs show them.

    python benchmarks/studies/record.py claim-faces64
    python benchmarks/studies/record.py tuning-faces64

In these files all pictures of a task share one mask or matrix, so that the intervals cover the
pictures alone. The files of the claim lack `dps` and a fitted Gaussian, and do not rank them.
"""

from __future__ import annotations

import argparse
import csv
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tuning import by_group

from invprob.bench import markdown, tables
from invprob.bench.suite import Suite
from invprob.bench.tables import METRICS, Row

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results"
STUDIES = {
    "claim-faces64": ("../results/suites/claim-faces64.toml", "sgilo_claim-faces64.csv"),
    "claim-fruits64": ("../results/suites/claim-fruits64.toml", "sgilo_claim-fruits64.csv"),
    "claim-fruits64-seen": (
        "../results/suites/claim-fruits64.toml",
        "sgilo_claim-fruits64-seen.csv",
    ),
    "claim-fruits64-generated": (
        "../results/suites/claim-fruits64.toml",
        "sgilo_claim-fruits64-generated.csv",
    ),
    "tuning-faces64": ("../results/suites/tuning.toml", "sgilo_tune-faces64.csv"),
    "tuning-fruits64": ("../results/suites/tuning.toml", "sgilo_tune-fruits64.csv"),
    "defaults": ("defaults.toml", "faces.csv"),
    "noise-level": ("../results/suites/noise-level.toml", "misfit.csv"),
    "dps-passes": ("dps-passes.toml", "dps_passes.csv"),
    "mri-phantoms": ("mri-phantoms.toml", "mri_phantoms.csv"),
    "ct-phantoms": ("ct-phantoms.toml", "ct_phantoms.csv"),
    "photographs": ("photographs.toml", "photographs.csv"),
    "pnp-momentum": ("pnp-momentum.toml", "pnp_momentum.csv"),
}
"""The suite and the results of each study."""
RENAMED = {
    "mean": "psnr_mean",
    "single": "psnr_last",
    "best": "psnr_best_chi2",
    "ssim_single": "ssim_last",
    "misfit": "chi2_last",
    "psnr_sample": "psnr_last",
    "ssim_sample": "ssim_last",
    "misfit_mean": "chi2_mean",
    "misfit_sample": "chi2_last",
}
"""What some columns are called now."""
WORDS = {
    "sgilo-official": "sgilo-released",
    ",starts=": ",t_start=",
    ",levels=": ",num_levels=",
    ",last=": ",final_fraction=",
}
"""What some settings are called now."""


def current(settings: str) -> str:
    """The settings of a solver under the names of today.

    Args:
        settings: What a stored row says, ``"sgilo:steps=50,100,levels=6"``.

    Returns:
        The same with the parameters' present names.
    """
    for old, new in WORDS.items():
        settings = settings.replace(old, new)
    return settings


def rows(file: Path, suite: Suite) -> Iterator[Row]:
    """The stored cells that belong to the suite, by method and by settings."""
    known: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for task in suite.tasks:
        for method in suite.method:
            solver, prior = suite.chosen(method, task)
            settings = " ".join([solver, *prior.values()])
            for place in ((task.operator, settings), (task.name, method.label)):
                known.setdefault(place, []).append((task.name, method.label))
    with file.open(newline="") as stream:
        for row in csv.DictReader(stream):
            values = {RENAMED.get(k, k): v for k, v in row.items()}
            metrics = {k: float(v) for k, v in values.items() if k in METRICS and v}
            seed = int(row.get("seed", 0))
            who = current(row["settings"]) if "settings" in row else row["method"]
            for task_name, label in known.get((row["task"], who), []):
                yield Row(task_name, label, row["image"], seed, metrics)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--metrics", nargs="*", default=["psnr_mean", "psnr_last"], choices=METRICS)
    args = parser.parse_args()
    of, file = STUDIES[args.study]
    suite = Suite.model_validate(tomllib.loads((HERE / of).read_text(encoding="utf-8")))
    reference = suite.reference or suite.labels[0]
    names = [task.name for task in suite.tasks]
    found = tables.lines(rows(RESULTS / file, suite), names, suite.labels, reference)
    if args.study.startswith("tuning"):
        print("\n".join(by_group(found, suite, group) for group in suite.groups))
    elif len({line.task for line in found}) > 1:
        print("\n".join(markdown.overview(found, m, reference) for m in args.metrics))
    else:
        print(markdown.by_task(found, reference, args.metrics))


if __name__ == "__main__":
    main()
