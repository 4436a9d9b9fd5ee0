"""What solvers that sample get wrong where the posterior is known: a table of the docs.

python benchmarks/studies/validity.py
"""

from __future__ import annotations

import argparse

from invprob.validation.calibration import CalibrationReport
from invprob.validation.runner import validate_all

LONG = "sgilo:stages=3,steps=500,t_end=0.001,anneal=0.2"
SETTINGS = {
    "`sgilo`, long": LONG,
    "`sgilo`, long, overdamped": f"{LONG},dynamics=overdamped",
    "`sgilo`, long, overdamped, density": f"{LONG},dynamics=overdamped,metropolis=density",
    "`sgilo`": "solver.sgilo",
    "`sgilo`, line": "sgilo:metropolis=line",
    "`sgilo`, overdamped": "sgilo:dynamics=overdamped",
    "`dps`": "dps",
    "`dps:zeta=0.3`": "dps:zeta=0.3",
    "`dps:rule=norm`": "dps:rule=norm",
    "`mmps`": "mmps",
    "`pigdm`": "pigdm",
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
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    titles = ("solver", "posterior", *METRICS)
    print("| " + " | ".join(titles) + " |")
    print("|" + "---|" * len(titles))
    notes = []
    for label, settings in SETTINGS.items():
        for validation in validate_all(settings):
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
