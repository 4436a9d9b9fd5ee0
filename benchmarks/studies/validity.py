"""What solvers that sample get wrong where the posterior is known: a table of the docs.

python benchmarks/studies/validity.py
python benchmarks/studies/validity.py --only mala hmc pcn
"""

from __future__ import annotations

import argparse

from invprob.validation.calibration import CalibrationReport
from invprob.validation.runner import validate_all

LONG = "sgilo:stages=3,steps=500,t_end=0.001,anneal=0.2"
SETTINGS = {
    "`sgilo`, long": LONG,
    "`sgilo`, long, ten levels": f"{LONG},num_levels=10,ode_steps=10",
    "`sgilo`, long, overdamped": f"{LONG},dynamics=overdamped",
    "`sgilo`, long, overdamped, density": f"{LONG},dynamics=overdamped,metropolis=density",
    "`sgilo`": "solver.sgilo",
    "`sgilo`, line": "sgilo:metropolis=line",
    "`sgilo`, overdamped": "sgilo:dynamics=overdamped",
    "`dps`": "solver.dps",
    "`dps:zeta=0.3`": "dps:zeta=0.3",
    "`dps:rule=norm`": "dps:rule=norm",
    "`mmps`": "mmps",
    "`pigdm`": "pigdm",
    "`mala`": "mala",
    "`hmc`": "hmc",
    "`pcn`": "pcn",
    "`sgilo-released`": "sgilo-released",
    "`csgm`": "csgm",
    "`ilo`": "ilo",
}
METRICS = {
    "pull": "pull",
    "means": "error of means",
    "seen": "spread where it sees",
    "unseen": "spread where it does not see",
    "weights": "error of weights",
    "coverage": "coverage 80%",
    "SBC": "SBC p",
    "TARP": "TARP p",
}
"""Titles of columns, and what they show."""
TASKS = {"normal": "normal", "two modes": "two modes", "atoms": "twelve"}
"""Short names of tasks, and what their descriptions hold."""


def task(report: CalibrationReport) -> str:
    """Name a task in a word or two."""
    return next(name for name, word in TASKS.items() if word in report.task.description)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = {settings.removeprefix("solver."): label for label, settings in SETTINGS.items()}
    parser.add_argument(
        "--only", nargs="+", choices=list(names), metavar="SPEC", default=list(names)
    )
    parser.add_argument("--problems", type=int, default=100, help="measurements of each task")
    given = parser.parse_args()
    wanted = [names[spec] for spec in given.only]
    titles = ("solver", "posterior", *METRICS)
    print("| " + " | ".join(titles) + " |")
    print("|" + "---|" * len(titles))
    notes = []
    for label in wanted:
        for validation in validate_all(SETTINGS[label], given.problems):
            report = validation.report
            if report is None:
                notes.append(f"- {label}: not validated: {validation.reason}")
                continue
            found = report.metrics
            cells = [f"{found[k]:.2g}" if k in found else "" for k in METRICS.values()]
            name = task(report) + " ✗" * bool(report.failures)
            print("| " + " | ".join([label, name, *cells]) + " |", flush=True)
            if report.failures:
                notes.append(f"- {label}, {task(report)}: {'; '.join(report.failures)}.")
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main()
