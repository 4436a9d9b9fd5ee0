"""What solvers that sample get wrong where the posterior is known: a table of the docs.

python benchmarks/studies/validity.py
"""

from __future__ import annotations

import argparse

from invprob.validation.runner import Validation, validate_all

SETTINGS = (
    "sgilo:stages=3,steps=500,t_end=0.001,anneal=0.2",
    "sgilo:stages=3,steps=500,t_end=0.001,anneal=0.2,dynamics=overdamped",
    "sgilo:stages=3,steps=500,t_end=0.001,anneal=0.2,dynamics=overdamped,metropolis=density",
    "solver.sgilo",
    "sgilo:metropolis=line",
    "sgilo:dynamics=overdamped",
    "sgilo-released",
    "dps",
    "dps:zeta=0.3",
    "dps:rule=norm",
    "mmps",
    "pigdm",
    "csgm",
    "ilo",
)
METRICS = (
    "pull",
    "error of means",
    "spread where it sees",
    "spread where it does not see",
    "error of weights",
    "coverage 80%",
    "SBC p",
    "TARP p",
)


def row(validation: Validation) -> str:
    """Write a line of the table.

    Args:
        validation: The result of one solver on one task.

    Returns:
        A row of Markdown.
    """
    settings, report = f"`{validation.settings}`", validation.report
    if report is None:
        return f"| {settings} | – | not validated: {validation.reason} |" + " |" * len(METRICS)
    cells = [f"{report.metrics[k]:.2g}" if k in report.metrics else "" for k in METRICS]
    failures = "; ".join(report.failures) or "nothing"
    return "| " + " | ".join([settings, report.task.description, failures, *cells]) + " |"


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print("| solver | task | failures beyond the declared bias | " + " | ".join(METRICS) + " |")
    print("|" + "---|" * (3 + len(METRICS)))
    for settings in SETTINGS:
        for validation in validate_all(settings):
            print(row(validation), flush=True)


if __name__ == "__main__":
    main()
