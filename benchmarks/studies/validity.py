"""What solvers that sample get wrong where the posterior is known: a table of the docs.

python benchmarks/studies/validity.py
"""

from __future__ import annotations

import argparse

from invprob.validation.runner import Hearing, hearings

SETTINGS = (
    "sgilo:stages=3,steps=500,t_end=0.001,anneal=0.2,metropolis=true",
    "sgilo:stages=3,steps=500,t_end=0.001,anneal=0.2",
    "solver.sgilo",
    "sgilo-released",
    "dps",
    "dps:zeta=0.3",
    "dps:rule=norm",
    "csgm",
    "ilo",
)
FIGURES = (
    "pull",
    "error of means",
    "spread where it sees",
    "spread where it does not see",
    "error of weights",
    "coverage 80%",
    "SBC p",
    "TARP p",
)


def row(hearing: Hearing) -> str:
    """A line of the table."""
    if hearing.verdict is None:
        return f"| `{hearing.settings}` | – | not judged: {hearing.reason} |" + " |" * len(FIGURES)
    verdict = hearing.verdict
    cells = [f"{verdict.figures[k]:.2g}" if k in verdict.figures else "" for k in FIGURES]
    said = "; ".join(verdict.wrong) or "nothing"
    return f"| `{hearing.settings}` | {verdict.world.what} | {said} | " + " | ".join(cells) + " |"


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print("| solver | world | wrong beyond the declared bias | " + " | ".join(FIGURES) + " |")
    print("|" + "---|" * (3 + len(FIGURES)))
    for settings in SETTINGS:
        for hearing in hearings(settings):
            print(row(hearing), flush=True)


if __name__ == "__main__":
    main()
